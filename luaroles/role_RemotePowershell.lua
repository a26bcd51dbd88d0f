-- A shell for the Engine's operators, over the tunnel alone: PowerShell on Windows, the administrator's shell elsewhere.
--
-- It listens on the tunnel's own address while there is a tunnel, and on no port of the machine. Each line is a JSON
-- object; what is no JSON, or of an unknown type, is ignored, as upstream does. {"type":"open","pty":true,"cols":80,
-- "rows":24} as the first line asks for a terminal, and then for the messages "ready" and "exit", and answers to "ping",
-- "resize" and "signal": no Engine that does not send it sees any of these.
--
-- Settings: shell_port (or BOREALIS_WIREGUARD_SHELL_PORT), idle_seconds, max_sessions, record.
ROLE_NAME = "RemotePowershell"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "tunnel:get", "tunnel:listen", "process", "system", "fs.read:/etc/passwd" }

-- A tunnel is looked for each second while one is to be expected, and now and then at all times.
local LOOK_EVERY, LOOKS = 1, 30
local LOOK_SELDOM = 60
-- A first message that asks for a terminal is waited for this long; an Engine that has none says nothing until it types.
local FIRST_MESSAGE = 0.5
local LONGEST_LINE = 1024 * 1024
-- A handler may take ten minutes, and half a second of processor time; what goes on longer is handed to the next.
local STRETCH, STEPS = 300, 32
local WAIT = 60
-- A direction of a session in which nothing moves for so long has lost its handler to a limit: each waits a minute at most.
local STUCK = 660
-- Each session has two functions under way, of the two hundred that a role may have, and a shell, of the 64 programs.
local USUAL_SESSIONS, MOST_SESSIONS = 8, 32
-- Of what shells print, so much of a session is kept where the operator wants that, and so many sessions.
local LONGEST_RECORDING = 64 * 1024 * 1024
local MOST_RECORDINGS = 100
local RECORDINGS = "recordings"

---@class RemotePowershell
local Role = {}

---@param name string
---@param default number
---@return number
local function number(name, default) return tonumber(settings.get(name)) or default end

---@param events borealis.Events
function Role:register_events(events)
  self.sessions, self.count = {}, 0
  events:on("vpn_tunnel_start", function() self:expect() end)
  events:on("connect", function() self:expect() end)
  self.seldom = timer.every(LOOK_SELDOM, function()
    self:end_stuck()
    self:look()
  end)
  self:expect()
end

--- Looks for a tunnel often for a while: nobody says when the other role has opened it.
function Role:expect()
  self.looks = LOOKS
  if self.often then
    return
  end
  self.often = timer.every(LOOK_EVERY, function()
    self:look()
    self.looks = self.looks - 1
    if self.often and (self.listener or self.looks <= 0) then
      self.often:cancel()
      self.often = nil
    end
  end)
end

--- Ends the sessions of which one direction has come to a stop.
---@async
function Role:end_stuck()
  for _, s in pairs(self.sessions) do
    for direction, at in pairs(s.moved) do
      if os.time() - at > STUCK then
        self:finish(s, direction .. " has stopped")
      end
    end
  end
end

--- Listens as soon as there is a tunnel.
function Role:look()
  local state = tunnel.get()
  if not state or self.listener then
    return
  end
  local port = number("shell_port", 47002)
  local listener, message, code = tunnel.listen(port)
  if listener then
    self.listener, self.said = listener, nil
    log.info("listening", { tunnel = state.id, port = port })
    self:accept()
  elseif code ~= "closed" and message ~= self.said then
    self.said = message
    log.warn("not listening", { message = message })
  end
end

--- Takes connections until the tunnel, and so the listener, has ended.
---@async
function Role:accept()
  local ends = os.time() + STRETCH
  while os.time() < ends do
    local conn, _, code = self.listener:accept({ timeout = WAIT })
    if conn then
      self:begin(conn)
    elseif code ~= "timeout" then
      self.listener:close()
      self.listener = nil
      if not self.stopped then
        self:expect()
      end
      return
    end
  end
  timer.after(0, function() self:accept() end)
end

--- Begins a session, if there is room for one.
---@param conn tunnel.Conn
function Role:begin(conn)
  if self.count >= math.min(MOST_SESSIONS, number("max_sessions", USUAL_SESSIONS)) then
    log.warn("refused: there are as many sessions as there may be", { sessions = self.count })
    conn:close()
    return
  end
  self.count = self.count + 1
  self.number = (self.number or 0) + 1
  local s = { id = self.number, conn = conn, began = os.time(), used = os.time(), typed = 0, printed = 0, moved = {} }
  self.sessions[s.id] = s
  timer.after(0, function()
    local first = self:message(s, FIRST_MESSAGE)
    if not s.ended and self:spawn(s, first or {}) then
      if first then
        self:obey(s, first)
      end
      self:go_on(s, "listen")
      self:go_on(s, "print")
    end
  end)
end

--- Runs one direction of a session until its end, a stretch at a time.
---@param s table
---@param direction "listen"|"print"
function Role:go_on(s, direction)
  s.moved[direction] = os.time()
  timer.after(0, function()
    local ends, steps = os.time() + STRETCH, 0
    while not s.ended and os.time() < ends and steps < STEPS do
      self[direction](self, s)
      s.moved[direction], steps = os.time(), steps + 1
    end
    if not s.ended then
      self:go_on(s, direction)
    end
  end)
end

--- The administrator's shell, by this machine's list of users.
---@return string
local function login_shell()
  for line in (fs.read("/etc/passwd") or ""):gmatch("[^\n]+") do
    local shell = line:match("^[^:]*:[^:]*:0:.*:(/[^:]*)$")
    if shell then
      return shell
    end
  end
  return "/bin/sh"
end

--- The shell's command line. PowerShell on pipes reads commands from its input; in a terminal it prompts for them.
---@param pty boolean
---@return string[]
local function command(pty)
  if system.platform().family == "windows" then
    local argv = { "powershell.exe", "-NoLogo", "-NoProfile" }
    if not pty then
      for _, word in ipairs({ "-NoExit", "-Command", "-" }) do
        argv[#argv + 1] = word
      end
    end
    return argv
  end
  return { login_shell() }
end

--- Starts the session's shell, in a terminal where the first message asks for one.
---@async
---@param s table
---@param first table
---@return boolean started
function Role:spawn(s, first)
  s.extended = first.type == "open"
  local pty
  if s.extended and first.pty == true then
    pty = { rows = tonumber(first.rows) or 24, cols = tonumber(first.cols) or 80 }
    if pty.rows < 1 or pty.rows > 32767 or pty.cols < 1 or pty.cols > 32767 then
      pty = {}
    end
  end
  local child, message = process.start(command(pty ~= nil), { merge_stderr = true, pty = pty })
  if not child then
    self:finish(s, "no shell: " .. message)
    return false
  end
  s.child = child
  if settings.get("record") == true then
    self:record(s, pty or {})
  end
  log.info("session begins", { session = s.id, pty = pty ~= nil, recording = s.cast })
  if s.extended then
    self:say(s, { type = "ready", pty = pty ~= nil })
  end
  return true
end

--- Begins to keep what the shell prints, as an asciicast file (version 2) in the role's data directory. What is typed is not
--- kept: passwords are typed.
---@param s table
---@param size { rows: integer?, cols: integer? }
function Role:record(s, size)
  fs.mkdir(RECORDINGS)
  local kept = fs.list(RECORDINGS) or {}
  for i = 1, #kept - MOST_RECORDINGS + 1 do
    fs.remove(RECORDINGS .. "/" .. kept[i].name)
  end
  local path = ("%s/%s-%d.cast"):format(RECORDINGS, os.date("!%Y%m%dT%H%M%SZ"), s.id)
  local head = { version = 2, width = size.cols or 80, height = size.rows or 24, timestamp = os.time() }
  local written, message = fs.write(path, json.encode(head) .. "\n")
  if not written then
    log.warn("not recorded", { session = s.id, message = message })
    return
  end
  s.cast, s.cast_from, s.cast_bytes = path, os.clock(), 0
end

--- Adds to the recording, until it is as long as it may be.
---@param s table
---@param piece string
function Role:add_to_recording(s, piece)
  s.cast_bytes = s.cast_bytes + #piece
  if s.cast_bytes > LONGEST_RECORDING then
    piece = "\r\n[the recording ends here: it is as long as it may be]\r\n"
  end
  local written, message = fs.append(s.cast, json.encode({ os.clock() - s.cast_from, "o", piece }) .. "\n")
  if not written then
    log.warn("the recording ends", { session = s.id, message = message })
  end
  if not written or s.cast_bytes > LONGEST_RECORDING then
    s.cast = nil
  end
end

--- The peer's next message; nil for what is none, and when none comes in time.
---@async
---@param s table
---@param timeout number
---@return table? message
function Role:message(s, timeout)
  local line, message, code = s.conn:read_line({ timeout = timeout, max_bytes = LONGEST_LINE })
  if line then
    local object = json.decode(line)
    return type(object) == "table" and object or nil
  elseif code ~= "timeout" then
    self:finish(s, message or "closed by the Engine")
  end
end

--- Does what the peer says next. A session in which nothing happens ends.
---@async
---@param s table
function Role:listen(s)
  local message = self:message(s, WAIT)
  if message then
    self:obey(s, message)
  elseif os.time() - s.used > number("idle_seconds", 3600) then
    self:finish(s, "idle")
  end
end

---@async
---@param s table
---@param message table
function Role:obey(s, message)
  if message.type == "stdin" then
    local data = crypto.base64_decode(type(message.data) == "string" and message.data or "")
    if data and s.child:write(data) then
      s.used, s.typed = os.time(), s.typed + #data
    end
  elseif message.type == "close" then
    self:finish(s, "closed by the Engine")
  elseif message.type == "ping" and s.extended then
    self:say(s, { type = "pong", ping_id = message.ping_id })
  elseif message.type == "signal" and s.extended then
    pcall(function() s.child:signal((tostring(message.name):upper():gsub("^SIG", ""))) end) -- one that is none changes nothing
  elseif message.type == "resize" and s.extended then
    pcall(function() s.child:resize(tonumber(message.rows), tonumber(message.cols)) end) -- a size that is none changes nothing
  end
end

--- Hands on what the shell prints, as it comes.
---@async
---@param s table
function Role:print(s)
  local piece, message, code = s.child:read({ timeout = WAIT })
  if piece then
    s.used, s.printed = os.time(), s.printed + #piece
    if s.cast then
      self:add_to_recording(s, piece)
    end
    self:say(s, { type = "stdout", data = crypto.base64_encode(piece) })
  elseif code ~= "timeout" then
    if s.extended and not s.ended then
      local ending = s.child:wait({ timeout = 1 })
      self:say(s, { type = "exit", exit_code = ending and ending.exit_code or -1 })
    end
    self:finish(s, message or "the shell ended")
  end
end

--- Says something to the peer. A peer that is gone ends the session.
---@async
---@param s table
---@param message table
function Role:say(s, message)
  local written, reason = s.conn:write(json.encode(message) .. "\n")
  if not written then
    self:finish(s, reason)
  end
end

--- Ends a session, with its shell and all that came of it.
---@async
---@param s table
---@param reason string
function Role:finish(s, reason)
  if s.ended then
    return
  end
  s.ended = true
  self.sessions[s.id] = nil
  self.count = self.count - 1
  s.conn:close()
  if s.child then
    s.child:kill()
    s.child:close()
  end
  log.info("session ends", { session = s.id, reason = reason, seconds = os.time() - s.began, typed = s.typed, printed = s.printed })
end

---@return borealis.Health
function Role:health_report()
  if self.said then
    return { status = "unhealthy", detail = self.said }
  end
  return { status = "healthy", detail = self.listener and ("listening, %d sessions"):format(self.count) or "no tunnel is open" }
end

function Role:stop_all()
  self.stopped = true
  self.seldom:cancel()
  if self.often then
    self.often:cancel()
    self.often = nil
  end
  if self.listener then
    self.listener:close()
  end
  for _, s in pairs(self.sessions) do
    self:finish(s, "the role ends")
  end
end

return Role
