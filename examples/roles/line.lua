-- One idea: a protocol of one's own over the tunnel. While there is a tunnel, whoever the Engine connects to port 47100 of the
-- device's address in it asks line by line, and is answered line by line: here with the machine's uptime. No port of the
-- machine is listened on; the Engine must have put 47100 among the tunnel's allowed ports.
ROLE_NAME = "line"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "tunnel:get", "tunnel:listen", "system" } -- the tunnel itself is another role's

local PORT = 47100

local Role = {}

---@param events borealis.Events
function Role:register_events(events)
  -- Nobody says when another role has opened the tunnel, so this one looks.
  self.looking = timer.every(1, function() self:look() end)
end

function Role:stop_all()
  self.looking:cancel()
  if self.listener then
    self.listener:close()
  end
end

function Role:look()
  if self.listener or not tunnel.get() then
    return
  end
  self.listener = tunnel.listen(PORT)
  if self.listener then
    timer.after(0, function() self:accept() end)
  end
end

--- Takes connections until the tunnel has ended. A handler lasts ten minutes at most, so the next one goes on before that.
function Role:accept()
  for _ = 1, 8 do
    local conn, _, code = self.listener:accept({ timeout = 60 })
    if conn then
      timer.after(0, function() self:answer(conn) end)
    elseif code ~= "timeout" then
      self.listener:close()
      self.listener = nil
      return
    end
  end
  timer.after(0, function() self:accept() end)
end

---@param conn tunnel.Conn
function Role:answer(conn)
  repeat
    local line = conn:read_line({ timeout = 60, max_bytes = 100 })
    local host = line == "uptime" and system.host()
    local answer = host and { uptime = host.uptime } or { error = "ask for: uptime" }
  until not line or not conn:write(json.encode(answer) .. "\n")
  conn:close()
end

return Role
