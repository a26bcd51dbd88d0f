-- One idea: processes. On the event "uptime_ask" the role runs a program and sends what it said.
ROLE_NAME = "uptime"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "process:uptime", "engine" } -- this one program, and no other

local Role = {}

---@param events borealis.Events
function Role:register_events(events)
  events:on("uptime_ask", function(ask)
    -- An argument list, never a shell string. The call waits; other events of this role run meanwhile.
    local done, err = process.run({ "uptime", "-p" }, { timeout = 5 })
    if not done then
      engine.emit("uptime_answer", { id = ask.id, error = err })
      return
    end
    engine.emit("uptime_answer", { id = ask.id, text = done.stdout, exit_code = done.exit_code })
  end)
end

return Role
