--- A queue of answers for a method that waits: the last one comes again and again.
local function answers(list)
  local i = 0
  return function()
    i = math.min(i + 1, #list)
    return list[i][1], list[i][2], list[i][3]
  end
end

--- A tunnel with one connection, on which the peer says some lines, and a shell that prints some pieces.
local function play(t, lines, pieces)
  local m = { written = {}, typed = {}, settings = {}, started = nil, killed = 0, closed = 0, os = "linux" }
  local said = {}
  for _, line in ipairs(lines) do
    said[#said + 1] = { line }
  end
  said[#said + 1] = { nil, nil, nil } -- the end
  local next_line = answers(said)
  local conn = {
    read_line = function()
      local line, message, code = next_line()
      if not line and m.stays then
        timer.sleep(60)
        return nil, "nothing came", "timeout"
      end
      return line, message, code
    end,
    write = function(_, text)
      m.written[#m.written + 1] = json.decode(text)
      return true
    end,
    close = function() m.closed = m.closed + 1 end,
  }
  local printed = {}
  for _, piece in ipairs(pieces or {}) do
    printed[#printed + 1] = { piece }
  end
  printed[#printed + 1] = { nil, "nothing came", m.shell_ends and "ended" or "timeout" }
  local next_piece = answers(printed)
  local child = {
    read = function()
      local piece, message, code = next_piece()
      if not piece and m.stays then
        timer.sleep(60)
      end
      return piece, message, code
    end,
    write = function(_, text)
      m.typed[#m.typed + 1] = text
      return true
    end,
    kill = function() m.killed = m.killed + 1 end,
    close = function() end,
    wait = function() return { exit_code = 3 } end,
    resize = function(_, rows, cols) m.size = { rows, cols } end,
    signal = function(_, name) m.signal = name end,
  }
  t.stub("settings.get", function(name) return m.settings[name] end)
  t.stub("tunnel.get", function() return { id = "aa" } end)
  t.stub("tunnel.listen", function(port)
    m.port = port
    if m.busy then
      return nil, "busy", "busy"
    end
    return { accept = answers({ { conn }, { nil, "closed", "closed" } }), close = function() m.busy = true end }
  end)
  t.stub("process.start", function(argv, opts)
    m.started, m.opts = argv, opts
    return child
  end)
  t.stub("system.platform", function() return { family = m.os } end)
  t.stub("fs.read", function() return "daemon:x:1:1::/:/usr/sbin/nologin\nroot:x:0:0:root:/root:/bin/bash\n" end)
  for _, level in ipairs({ "info", "warn" }) do
    t.stub("log." .. level, function() end)
  end
  return m
end

function test_nothing_is_listened_on_without_a_tunnel(t)
  local m = play(t, {})
  t.stub("tunnel.get", function() return nil end)
  t.clock(60)
  t.equal(m.port, nil)
end

function test_what_is_typed_reaches_the_shell(t)
  local m = play(t, { '{"type": "stdin", "data": "ZGF0ZQo="}', "", "garbage", "[1]", "5", '{"type":"new"}', '{"type":"stdin","data":5}', '{"type":"close"}', '{"type":"stdin","data":"eA=="}' })
  t.clock(5)
  t.equal({ m.port, m.started }, { 47002, { "/bin/bash" } })
  t.equal(m.opts.pty, nil)
  t.equal(m.typed[1], "date\n")
  t.equal(m.typed[#m.typed] == "x", false)
  t.equal({ m.killed, m.closed }, { 1, 1 })
  t.equal(m.written, {}) -- an Engine of old sees nothing new
end

function test_a_terminal_is_asked_for(t)
  local m = play(t, { '{"type":"open","pty":true,"cols":100,"rows":40}', '{"type":"ping","ping_id":"p1"}', '{"type":"resize","rows":50,"cols":120}' })
  t.clock(5)
  t.equal(m.opts.pty, { rows = 40, cols = 100 })
  t.equal(m.written[1], { type = "ready", pty = true })
  t.equal(m.written[2], { type = "pong", ping_id = "p1" })
  t.equal(m.size, { 50, 120 })
end

function test_powershell_on_windows(t)
  local m = play(t, { '{"type":"close"}' })
  m.os = "windows"
  m.settings = { shell_port = "5000" }
  t.clock(5)
  t.equal(m.started, { "powershell.exe", "-NoLogo", "-NoProfile", "-NoExit", "-Command", "-" })
  t.equal(m.port, 5000)
end

function test_there_is_room_for_so_many(t)
  local m = play(t, { '{"type":"stdin","data":"eA=="}' })
  m.settings = { max_sessions = 0 }
  t.clock(5)
  t.equal(m.started, nil)
  t.equal(m.closed, 1)
end

function test_a_signal_is_handed_on_to_a_shell_that_was_opened(t)
  local m = play(t, { '{"type":"open"}', '{"type":"signal","name":"SIGint"}' })
  t.clock(5)
  t.equal(m.signal, "INT")
  local old = play(t, { '{"type":"signal","name":"INT"}' })
  t.clock(5)
  t.equal(old.signal, nil)
end

function test_a_session_is_recorded_where_that_is_wanted(t)
  local files, removed = {}, {}
  t.stub("fs.mkdir", function() return true end)
  t.stub("fs.list", function()
    local list = {}
    for i = 1, 102 do
      list[i] = { name = ("%03d.cast"):format(i) }
    end
    return list
  end)
  t.stub("fs.remove", function(path) removed[#removed + 1] = path end)
  t.stub("fs.write", function(path, text)
    files[path] = text
    return true
  end)
  t.stub("fs.append", function(path, text)
    files[path] = files[path] .. text
    return true
  end)
  local m = play(t, { '{"type":"open","pty":true,"cols":100,"rows":40}', '{"type":"stdin","data":"czNjcmV0Cg=="}' }, { "tern\r\n" })
  m.settings, m.stays = { record = true }, true
  t.clock(5)
  local path, text = next(files)
  t.match(path, "^recordings/[0-9]{8}T[0-9]{6}Z-1\\.cast$")
  t.equal(removed, { "recordings/001.cast", "recordings/002.cast", "recordings/003.cast" })
  local head, first = text:match("^(.-)\n(.-)\n")
  t.equal(json.decode(head).width, 100)
  local event = json.decode(first)
  t.equal({ event[2], event[3] }, { "o", "tern\r\n" })
  t.equal(text:find("s3cret", 1, true), nil)
end
