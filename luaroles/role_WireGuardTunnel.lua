-- Opens and closes the WireGuard tunnel as the Engine asks for it, and keeps it well.
--
-- An Engine of one kind makes tunnels on demand (idle_seconds above 0): they end when it says so, or when nothing has been
-- done in them for that long. One of the other kind keeps each device's tunnel open for ever (idle_seconds 0), and is asked
-- for it again and again. The reasons in the log are upstream's words.
--
-- Settings: keepalive_seconds, ensure_delay_seconds, ensure_interval_seconds (or upstream's BOREALIS_WIREGUARD_...), and
-- shell_port, the port that is a role's and never this machine's own.
ROLE_NAME = "WireGuardTunnel"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "tunnel", "engine:/api/agent/vpn/ensure" }

local ENSURE = "/api/agent/vpn/ensure"
local LOOK_EVERY = 5
local LEAST_IDLE = 60
-- An Engine that has no tunnel to offer is asked ever more seldom, up to this.
local LONGEST_PAUSE = 15 * 60
-- WireGuard renews a handshake after two minutes, and forgets one after three.
local HANDSHAKE_LASTS = 180
-- A new tunnel may take this long to its first handshake; one without is opened anew at most this often.
local FIRST_HANDSHAKE = 30
local LOOKS_BETWEEN_REPAIRS = 12

---@class WireGuardTunnel
local Role = {}

--- A setting that is a number, within its bounds.
---@param name string
---@param default number
---@param least number
---@param most number
---@return number
local function number(name, default, least, most)
  local value = tonumber(settings.get(name))
  if not value then
    return default
  end
  return math.max(least, math.min(most, value))
end

---@param events borealis.Events
function Role:register_events(events)
  local state = self.ctx.state or {}
  self.offer = state.offer
  self.turns = {}
  self.wait = 0 -- looks until the tunnel may be opened anew
  if state.offer then
    tunnel.get() -- keeps what the version before has opened
  end
  events:on("vpn_tunnel_start", function(offer)
    self:in_turn(function()
      self:take(offer)
      self:touch()
    end)
  end)
  events:on("vpn_tunnel_stop", function(event)
    self:in_turn(function() self:stopped(event) end)
  end)
  events:on("vpn_tunnel_activity", function(event)
    if event.agent_id == self.ctx.agent_id then
      self:touch()
    end
  end)
  events:on("connect", function()
    if self.running and self.pause > 0 then
      self:ensure_in(number("ensure_delay_seconds", 10, 0, 300))
    end
  end)
  if state.deadline then
    self:idle_in(math.max(0, state.deadline - os.time()))
  end
  self:begin()
end

--- Asks for a tunnel from now on, and looks at the one that there may be.
function Role:begin()
  self.running = true
  self.pause = 0
  self:ensure_in(number("ensure_delay_seconds", 10, 0, 300))
  self:watch()
end

--- Looks at the tunnel while one is wanted: a role that has nothing to do sleeps.
function Role:watch()
  if self.offer and not self.beat then
    self.beat = timer.every(LOOK_EVERY, function()
      self:in_turn(function() self:look() end)
    end)
  elseif self.beat and not self.offer then
    self.beat:cancel()
    self.beat = nil
  end
end

--- The Engine has taken back that no role is to do anything.
function Role:on_config()
  if not self.running then
    self:begin()
  end
end

--- Runs one thing after the other: the Engine says the same twice, and changes its mind meanwhile.
---@async
---@param turn fun()
function Role:in_turn(turn)
  self.turns[#self.turns + 1] = turn
  if self.busy then
    return
  end
  self.busy = true
  while #self.turns > 0 do
    local ok, message = pcall(table.remove(self.turns, 1))
    if not ok then
      log.error("tunnel", { error = tostring(message) })
    end
  end
  self.busy = false
end

--- What of an offer makes it another tunnel under the same id.
---@param offer table
---@return string
local function identity(offer)
  return json.encode({
    offer.endpoint, offer.server_public_key, offer.client_public_key or "", offer.virtual_ip, offer.allowed_ips, offer.allowed_ports,
  })
end

---@param offer table
---@return boolean
local function persistent(offer) return (tonumber(offer.idle_seconds) or 900) <= 0 end

--- Opens what is offered, unless it is open and well. Another id takes the place of what is open.
---@async
---@param offer table The event vpn_tunnel_start, or the answer to the same question.
function Role:take(offer)
  local state = tunnel.get()
  if state and state.id ~= offer.tunnel_id then
    self:close("session_replace")
  elseif state and self.offer and identity(self.offer) ~= identity(offer) then
    self:close("same_tunnel_id_config_drift")
  elseif state and not self:well(state) then
    self:close("same_tunnel_id_service_unhealthy")
  elseif state then
    self.offer = offer
    return
  end
  local same = self.offer and self.offer.tunnel_id == offer.tunnel_id
  self.offer = offer
  if not same then
    self:touch()
  end
  self:watch()
  self:open()
end

--- Opens the tunnel of the offer that counts.
---@async
function Role:open()
  local shell = number("shell_port", 47002, 1, 65535)
  local forward = {}
  for _, port in ipairs(self.offer.allowed_ports) do
    if port ~= shell then -- whoever listens there on this machine is not the shell
      forward[#forward + 1] = port
    end
  end
  self.wait = LOOKS_BETWEEN_REPAIRS
  local state, message, code = tunnel.open(self.offer.tunnel_id, {
    forward = forward,
    keepalive = number("keepalive_seconds", 30, 10, 600),
  })
  if not state then
    log.warn("not opened", { tunnel = self.offer.tunnel_id, message = message })
    self.trouble = message
    if code == "unknown" then -- the agent was started anew, and no longer has the offer
      self.offer = nil
      self:watch()
    end
    return
  end
  self.trouble = nil
  log.info("opened", {
    tunnel = state.id, address = state.address, endpoint = state.endpoint, ports = table.concat(forward, ","),
    persistent = persistent(self.offer),
  })
end

--- Ends the open tunnel.
---@async
---@param reason string
function Role:close(reason)
  local state = tunnel.get()
  tunnel.close()
  if state then
    log.info("closed", {
      tunnel = state.id, reason = reason, seconds = os.time() - math.floor(state.opened), sent = state.sent,
      received = state.received, accepted = state.accepted, refused = state.refused,
    })
  end
end

--- Something was done in the tunnel: it is idle from now. A persistent one never is.
function Role:touch()
  if self.idle then
    self.idle:cancel()
    self.idle, self.deadline = nil, nil
  end
  if self.offer and not persistent(self.offer) then
    self:idle_in(math.max(LEAST_IDLE, tonumber(self.offer.idle_seconds) or 900))
  end
end

---@param seconds number
function Role:idle_in(seconds)
  local mine
  mine = timer.after(seconds, function()
    self:in_turn(function()
      if self.idle == mine then -- nothing was done in it meanwhile
        self:finish("idle_timeout")
      end
    end)
  end)
  self.idle, self.deadline = mine, os.time() + seconds
end

--- Ends the tunnel for good: another offer opens the next.
---@async
---@param reason string
function Role:finish(reason)
  self:close(reason)
  self.offer = nil
  self:touch()
  self:watch()
end

--- The Engine ends a tunnel. A persistent one stays, and so does one that has taken the place of what is meant.
---@async
---@param event table
function Role:stopped(event)
  if not self.offer then
    return
  end
  local meant = event.tunnel_id or ""
  local reason = event.reason or ""
  if persistent(self.offer) or meant ~= "" and meant ~= self.offer.tunnel_id then
    log.info("stays open", { tunnel = self.offer.tunnel_id, asked = tostring(meant), reason = tostring(reason) })
    return
  end
  self:finish(reason ~= "" and tostring(reason) or "server_stop")
end

--- Whether the Engine answers in the tunnel, or may still.
---@param state tunnel.State
---@return boolean
function Role:well(state)
  local now = os.time()
  if not state.handshake then
    return now - state.opened < FIRST_HANDSHAKE
  end
  return now - state.handshake < HANDSHAKE_LASTS + number("keepalive_seconds", 30, 10, 600)
end

--- Opens a tunnel anew that is not well, now and then.
---@async
function Role:look()
  self.wait = math.max(0, self.wait - 1)
  local state = tunnel.get()
  if not self.offer or state and self:well(state) or self.wait > 0 then
    return
  end
  self:close("same_tunnel_id_service_unhealthy")
  self:open()
end

--- Asks the Engine for this device's tunnel later. A random part keeps a fleet from asking all at once.
---@param seconds number
function Role:ensure_in(seconds)
  if self.next then
    self.next:cancel()
  end
  self.next = timer.after(seconds * (1 + 0.1 * math.random()), function() self:ensure() end)
end

--- Asks the Engine for this device's tunnel. One that keeps none open is asked ever more seldom.
---@async
function Role:ensure()
  local interval = number("ensure_interval_seconds", 60, 15, 3600)
  local offer, message, code = engine.request(ENSURE, { agent_id = self.ctx.agent_id, reason = "agent_boot" })
  if offer then
    self:in_turn(function() self:take(offer) end)
  elseif message and code ~= "none" and message ~= self.said then
    log.warn("not ensured", { message = message })
  end
  self.said = message
  if not self.running then
    return
  end
  if offer and persistent(offer) then
    self.pause = 0
  else
    self.pause = math.min(LONGEST_PAUSE, math.max(interval, 2 * self.pause))
  end
  self:ensure_in(math.max(interval, self.pause))
end

--- The next version goes on with the open tunnel.
function Role:save_state() return { offer = self.offer, deadline = self.deadline } end

---@return borealis.Health
function Role:health_report()
  local state = tunnel.get()
  if state and state.handshake and self:well(state) then
    return { status = "healthy", detail = ("up as %s, %d connections"):format(state.address, state.connections) }
  elseif state and self:well(state) then
    return { status = "recovering", detail = "no handshake yet" }
  elseif state then
    return { status = "unhealthy", detail = "the Engine does not answer at " .. state.endpoint }
  elseif self.offer then
    return { status = "unhealthy", detail = self.trouble or "not open" }
  end
  return { status = "healthy", detail = "no tunnel is wanted" }
end

--- The tunnel itself ends with the last version of this role.
function Role:stop_all()
  self.running = false
  self.next:cancel()
  if self.beat then
    self.beat:cancel()
    self.beat = nil
  end
  if self.idle then
    self.idle:cancel()
  end
end

return Role
