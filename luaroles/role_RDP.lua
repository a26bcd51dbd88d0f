-- Says whether people can reach this machine's remote desktop, and makes it so where the operator asks for that.
--
-- Settings: auto_enable (or BOREALIS_RDP_AUTO_ENABLE) lets people in, on Windows; undo puts everything back when the role
-- ends. Both are off unless set. Elsewhere than on Windows the server is only looked at.
ROLE_NAME = "RDP"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "rdp" }

local MINUTE = 60
local LOOK_EVERY = 5 * MINUTE
-- A server that was ready, and is set up as it was, is asked once an hour: each question is a line in its log.
local ASK_EVERY = 12

-- What has to be so, in the order in which it is made so: nobody is let in before the server runs.
local WANTED = {
  { name = "start", is = function(state) return state.start == "" or state.start == "automatic" end, change = { start = "automatic" } },
  { name = "running", is = function(state) return state.running ~= false end, change = { running = true } },
  { name = "connections", is = function(state) return state.connections == true end, change = { connections = true } },
  { name = "firewall", is = function(state) return state.firewall == "" or state.firewall == "on" end, change = { firewall = true } },
}

---@class Rdp
local Role = {}

---@param events borealis.Events
function Role:register_events(events)
  self.looks = 0
  self.owner = ("%d"):format(math.random(2 ^ 53))
  events:on("connect", function() self:look() end)
  self.first = timer.after(10 * math.random(), function()
    store.set("owner", self.owner)
    self:look()
  end)
  self.beat = timer.every(LOOK_EVERY * (0.9 + 0.2 * math.random()), function() self:look() end)
end

--- Looks, makes ready if that is wanted, and says what is new. One at a time.
---@async
function Role:look()
  if self.busy then
    return
  end
  self.busy = true
  local ok, message = pcall(function() self:judge() end)
  self.busy = false
  if not ok then
    self:found(nil, message)
  end
end

---@async
function Role:judge()
  local state, message, code = rdp.state()
  if not state then
    self.absent = code == "unsupported"
    self:found(nil, self.absent and "this system has no remote desktop server" or message)
    return
  end
  local trouble
  if settings.get("auto_enable") == true and state.server == "termservice" and state.policy ~= false then
    state, trouble = self:make_ready(state)
  elseif settings.get("undo") == true then
    self:put_back() -- it was switched off meanwhile
  end
  trouble = trouble or self:obstacle(state)
  if trouble then
    self:found(nil, trouble)
    return
  end
  self:ask(state)
end

--- Makes everything so that people can come in. What was before is kept first, so that it can be put back.
---@async
---@param state rdp.State
---@return rdp.State state As it is then.
---@return string? trouble
function Role:make_ready(state)
  local before = store.get("before") or {}
  for _, wanted in ipairs(WANTED) do
    if not wanted.is(state) then
      local old = state[wanted.name]
      if before[wanted.name] == nil then
        before[wanted.name] = old == nil and "" or old
        local kept, message = store.set("before", before)
        if not kept then
          return state, ("%s was not changed, since it could not be noted how it was: %s"):format(wanted.name, message)
        end
      end
      local changed, message = rdp.change(wanted.change)
      if not changed then
        return state, ("%s cannot be changed: %s"):format(wanted.name, message)
      end
      log.info("changed", { what = wanted.name, from = tostring(old), to = tostring(wanted.change[wanted.name]) })
    end
  end
  return rdp.state() or state
end

--- Puts back what `make_ready` changed, last first.
---@async
function Role:put_back()
  local before = store.get("before")
  if not before then
    return
  end
  for i = #WANTED, 1, -1 do
    local name = WANTED[i].name
    local old = before[name]
    if old == "off" or name == "connections" and old ~= nil then
      old = false
    end
    if old == "partly" then
      log.warn("the firewall's rules stay on: some of them were on before")
    elseif old ~= nil and old ~= "" then
      local changed, message = rdp.change({ [name] = old })
      log.info("put back", { what = name, to = tostring(old), trouble = not changed and message or nil })
    end
  end
  store.delete("before")
end

--- Why nobody can come in, as far as it is to be seen from here.
---@param state rdp.State
---@return string? reason
function Role:obstacle(state)
  if state.server == "" then
    return "no remote desktop server is installed"
  elseif state.policy == false then
    return "a group policy refuses connections"
  elseif state.connections == false and state.policy ~= true then
    return "connections are refused; auto_enable is not set"
  elseif state.start == "disabled" then
    return "the service is disabled"
  elseif state.running == false then
    return "the service does not run"
  elseif state.firewall == "off" then
    return "the firewall's rules for remote desktop are off"
  elseif state.address:match("^127%.") or state.address == "::1" then
    return ("it listens on %s alone, where nobody outside comes"):format(state.address)
  end
end

--- Asks the server itself, unless it was ready and nothing has changed since.
---@async
---@param state rdp.State
function Role:ask(state)
  self.looks = self.looks + 1
  local signature = json.encode(state)
  if self.ready and signature == self.signature and self.looks % ASK_EVERY ~= 0 then
    return
  end
  self.signature = signature
  local offer, message = rdp.probe({ port = state.port })
  if not offer then
    self:found(nil, message)
  elseif not offer.certificate then
    self:found(nil, "the server has no certificate")
  elseif offer.security == "" then
    self:found(nil, "the server takes no kind of client")
  else
    local without = offer.nla and "" or ", without network level authentication"
    self:found(("%s on port %d%s"):format(offer.security, state.port, without))
  end
end

--- Notes how it is, and says it where it is new.
---@param ready? string
---@param reason? string
function Role:found(ready, reason)
  if ready ~= self.ready or reason ~= self.reason then
    if ready then
      log.info("ready", { offer = ready })
    else
      log.warn("not ready", { reason = reason })
    end
  end
  self.ready, self.reason = ready, reason
end

---@return borealis.Health
function Role:health_report()
  if self.ready then
    return { status = "healthy", detail = "ready: " .. self.ready }
  elseif not self.reason then
    return { status = "pending", detail = "not looked at yet" }
  end
  local wanted = settings.get("auto_enable") == true and not self.absent
  return { status = wanted and "unhealthy" or "healthy", detail = "not ready: " .. self.reason }
end

--- Puts everything back if the operator wants that, but for a newer version of this role, which has taken over by then.
---@async
function Role:stop_all()
  self.first:cancel()
  self.beat:cancel()
  if settings.get("undo") == true and store.get("owner") == self.owner then
    self:put_back()
  end
end

return Role
