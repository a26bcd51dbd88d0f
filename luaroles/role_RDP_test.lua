--- Windows with nothing ready, and a server that says what it offers; a test changes either.
local function windows()
  return {
    state = { server = "termservice", port = 3389, address = "", connections = false, nla = true, start = "manual", running = false, firewall = "off" },
    offer = { security = "nla", nla = true, tls = false, classic = false, certificate = true },
    settings = {},
    changes = {},
    probes = 0,
  }
end

local function copy(t)
  local c = {}
  for k, v in pairs(t) do
    c[k] = v
  end
  return c
end

local function play(t, m)
  t.stub("rdp.state", function()
    if m.code then
      return nil, "no server for this system", m.code
    end
    return copy(m.state)
  end)
  t.stub("rdp.probe", function(opts)
    m.probes = m.probes + 1
    t.equal(opts.port, m.state.port)
    if not m.offer then
      return nil, "nobody listens", "unreachable"
    end
    return m.offer
  end)
  t.stub("rdp.change", function(change)
    for name, value in pairs(change) do
      if m.fails == name then
        return nil, "access is denied", "failed"
      end
      m.changes[#m.changes + 1] = name .. "=" .. tostring(value)
      m.state[name] = name == "firewall" and (value and "on" or "off") or value
    end
    return true
  end)
  t.stub("settings.get", function(name) return m.settings[name] end)
  m.said = {}
  for _, level in ipairs({ "info", "warn" }) do
    t.stub("log." .. level, function(message, fields)
      fields = fields or {}
      m.said[#m.said + 1] = message .. ": " .. (fields.reason or fields.offer or fields.what or "")
    end)
  end
end

local function last(list) return list[#list] end

function test_nothing_is_changed_unless_it_is_wanted(t)
  local m = windows()
  play(t, m)
  t.clock(3600)
  t.equal(m.changes, {})
  t.equal(m.said, { "not ready: connections are refused; auto_enable is not set" })
  t.equal(m.probes, 0)
end

function test_a_machine_is_made_ready_in_order(t)
  local m = windows()
  m.settings.auto_enable = true
  play(t, m)
  t.clock(60)
  t.equal(m.changes, { "start=automatic", "running=true", "connections=true", "firewall=true" })
  t.equal(last(m.said), "ready: nla on port 3389")
  t.clock(3600)
  t.equal(#m.changes, 4)
  m.state.connections = false -- somebody turned it off
  t.clock(400)
  t.equal(last(m.changes), "connections=true")
end

function test_what_was_changed_is_put_back(t)
  local m = windows()
  m.settings.auto_enable = true
  play(t, m)
  t.clock(60)
  m.changes = {}
  m.settings = { auto_enable = false }
  t.clock(400)
  t.equal(m.changes, {}) -- not asked for
  m.settings.undo = true
  t.clock(400)
  t.equal(m.changes, { "firewall=false", "connections=false", "running=false", "start=manual" })
  t.clock(400)
  t.equal(#m.changes, 4) -- once
end

function test_rules_that_were_partly_on_stay_on(t)
  local m = windows()
  m.state = { server = "termservice", port = 3389, address = "", connections = true, nla = true, start = "automatic", running = true, firewall = "partly" }
  m.settings = { auto_enable = true }
  play(t, m)
  t.clock(60)
  t.equal(m.changes, { "firewall=true" })
  m.settings = { undo = true }
  t.clock(400)
  t.equal(m.changes, { "firewall=true" })
end

function test_a_change_that_fails_is_the_reason(t)
  for _, name in ipairs({ "start", "running", "connections", "firewall" }) do
    t.run(name, function(t)
      local m = windows()
      m.settings.auto_enable = true
      m.fails = name
      play(t, m)
      t.clock(400)
      t.equal(last(m.said), "not ready: " .. name .. " cannot be changed: access is denied")
    end)
  end
end

function test_each_obstacle_has_its_reason(t)
  local ready = { server = "termservice", port = 3389, address = "", connections = true, nla = true, start = "automatic", running = true, firewall = "on" }
  for reason, change in pairs({
    ["no remote desktop server is installed"] = { server = "" },
    ["a group policy refuses connections"] = { policy = false },
    ["the service is disabled"] = { start = "disabled" },
    ["the service does not run"] = { running = false },
    ["the firewall's rules for remote desktop are off"] = { firewall = "off" },
    ["it listens on 127.0.0.1 alone, where nobody outside comes"] = { server = "xrdp", address = "127.0.0.1" },
  }) do
    t.run(reason, function(t)
      local m = windows()
      m.state = copy(ready)
      for name, value in pairs(change) do
        m.state[name] = value
      end
      play(t, m)
      t.clock(400)
      t.equal(last(m.said), "not ready: " .. reason)
    end)
  end
end

function test_a_policy_comes_first(t)
  local m = windows()
  m.settings.auto_enable = true
  m.state.policy = false
  play(t, m)
  t.clock(60)
  t.equal(m.changes, {})
end

function test_what_the_server_says_counts(t)
  local m = windows()
  m.state = { server = "xrdp", port = 3390, address = "", start = "", firewall = "" }
  m.offer = nil
  play(t, m)
  t.clock(60)
  t.equal(last(m.said), "not ready: nobody listens")
  m.offer = { security = "", nla = false, tls = false, classic = false, certificate = false }
  t.clock(400)
  t.equal(last(m.said), "not ready: the server has no certificate")
  m.offer = { security = "tls", nla = false, tls = true, classic = true, certificate = true }
  t.clock(400)
  t.equal(last(m.said), "ready: tls on port 3390, without network level authentication")
  m.probes = 0
  t.clock(3000)
  t.equal(m.probes <= 1, true) -- it is not asked all the time
  t.clock(3600)
  t.equal(m.probes >= 1, true)
end

function test_a_system_without_such_servers_is_no_trouble(t)
  local m = windows()
  m.code = "unsupported"
  m.settings.auto_enable = true
  play(t, m)
  t.clock(3600)
  t.equal(m.said, { "not ready: this system has no remote desktop server" })
end
