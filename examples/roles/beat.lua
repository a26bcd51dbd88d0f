-- One idea: timers. The role counts its own beats and lets the next version of itself go on counting.
ROLE_NAME = "beat"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine" }

local Role = {}

---@param ctx borealis.Context
function Role.new(ctx)
  -- `ctx.state` is what save_state of the version before returned; nil the first time.
  local self = setmetatable({ beats = ctx.state and ctx.state.beats or 0 }, { __index = Role })
  self.timer = timer.every(60, function()
    self.beats = self.beats + 1
    engine.emit("beat", { count = self.beats })
  end)
  return self
end

-- What a role leaves open is closed with it, but the log then says that it was forgotten.
function Role:stop_all()
  self.timer:cancel()
end

function Role:save_state()
  return { beats = self.beats }
end

function Role:health_report()
  return { status = "healthy", detail = self.beats .. " beats" }
end

return Role
