-- The smallest role that does something: every line is explained. Copy it into the watched directory as
-- role_Hello.lua and save it; the agent serves it at once, and again after every change.

-- The role's name, as `status` and the log show it. A literal: the agent reads it before it runs anything.
ROLE_NAME = "hello"

-- Where the role runs: "system" for the machine, "interactive" for the logged-in user, or both.
ROLE_CONTEXTS = { "system" }

-- What the role may use. Without this line it may use only what touches nothing: log, json, crypto, timer.
ROLE_GRANTS = { "engine" }

-- The role itself. The agent makes one object of it and calls the methods below; all of them are optional.
local Role = {}

-- Called once, before any event: say here which events of the Engine the role wants.
---@param events borealis.Events
function Role:register_events(events)
  -- `events:on(name, handler)`: the handler gets what the Engine sent, as a table.
  events:on("hello", function(event)
    -- `self.ctx` tells where the role runs. `log` writes to the agent's log.
    log.info("somebody said hello", { from = event.from })

    -- `engine.emit` hands an answer to the outbox, which keeps it until the Engine has it.
    engine.emit("hello_back", { to = event.from, host = self.ctx.hostname })
  end)
end

-- Called before the role ends: the file changed, or the agent stops.
function Role:stop_all()
  log.info("goodbye")
end

-- The last statement of every role. A file that was cut short does not have it, and so is never loaded.
return Role
