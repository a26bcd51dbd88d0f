local function offer(changes)
  local o = {
    tunnel_id = "aa", agent_id = "LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM", virtual_ip = "10.255.0.2/32",
    engine_virtual_ip = "10.255.0.1", allowed_ips = "10.255.0.1/32", endpoint = "engine.lab.example:30000",
    server_public_key = "fTSk", idle_seconds = 900, allowed_ports = { 3389, 5900, 47002 },
  }
  for name, value in pairs(changes or {}) do
    o[name] = value
  end
  return o
end

--- An agent with no tunnel, and an Engine that makes them on demand; a test changes either.
local function play(t)
  local m = { calls = {}, said = {}, asked = 0, settings = {}, answers = true }
  local function note(text) m.calls[#m.calls + 1] = text end
  t.stub("tunnel.get", function()
    local s = m.open
    if not s then
      return nil
    end
    return {
      id = s.id, address = "10.255.0.2", engine = "10.255.0.1", endpoint = "192.0.2.1:30000", opened = s.opened,
      handshake = m.answers and os.time() or s.handshake, sent = 1, received = 2, connections = 0, accepted = 0, refused = 0,
      to_engine = 0, to_machine = 0,
    }
  end)
  t.stub("tunnel.open", function(id, opts)
    t.equal(m.open, nil)
    if m.fails then
      note("fail " .. id)
      return nil, "it fails", m.fails
    end
    note("open " .. id .. " " .. table.concat(opts.forward, ",") .. " " .. opts.keepalive)
    m.open = { id = id, opened = os.time() }
    local state = tunnel.get()
    state.handshake = nil
    return state
  end)
  t.stub("tunnel.close", function()
    if not m.open then
      return false
    end
    note("close " .. m.open.id)
    m.open = nil
    return true
  end)
  t.stub("engine.request", function(path, body)
    t.equal(path, "/api/agent/vpn/ensure")
    t.equal(body, { agent_id = offer().agent_id, reason = "agent_boot" })
    m.asked = m.asked + 1
    if m.ensured then
      return m.ensured
    end
    return nil, "the Engine offers no tunnel", m.code or "none"
  end)
  t.stub("settings.get", function(name) return m.settings[name] end)
  for _, level in ipairs({ "info", "warn", "error" }) do
    t.stub("log." .. level, function(message, fields)
      fields = fields or {}
      m.said[#m.said + 1] = message .. (fields.reason and " " .. fields.reason or "")
      t.equal(level == "error", false)
    end)
  end
  return m
end

local function last(list) return list[#list] end

function test_a_start_opens_the_tunnel_without_the_shells_port(t)
  local m = play(t)
  t.deliver("vpn_tunnel_start", offer())
  t.equal(m.calls, { "open aa 3389,5900 30" })
  m.settings = { keepalive_seconds = 1, shell_port = 5900 }
  t.deliver("vpn_tunnel_stop", { agent_id = offer().agent_id, tunnel_id = "aa" })
  t.deliver("vpn_tunnel_start", offer())
  t.equal(last(m.calls), "open aa 3389,47002 10")
end

function test_the_same_start_again_changes_nothing(t)
  local m = play(t)
  t.deliver("vpn_tunnel_start", offer())
  t.deliver("vpn_tunnel_start", offer())
  t.equal(#m.calls, 1)
end

function test_another_tunnel_takes_the_place(t)
  local m = play(t)
  t.deliver("vpn_tunnel_start", offer())
  t.deliver("vpn_tunnel_start", offer({ tunnel_id = "bb" }))
  t.equal(m.calls, { "open aa 3389,5900 30", "close aa", "open bb 3389,5900 30" })
  t.equal(m.said, { "opened", "closed session_replace", "opened" })
  t.deliver("vpn_tunnel_stop", { tunnel_id = "aa", reason = "operator_stop" }) -- late
  t.equal(#m.calls, 3)
end

function test_what_changes_under_the_same_id_is_opened_anew(t)
  for name, value in pairs({ endpoint = "x:1", server_public_key = "k", client_public_key = "c", virtual_ip = "10.255.0.3/32", allowed_ports = { 1 } }) do
    t.run(name, function(t)
      local m = play(t)
      t.deliver("vpn_tunnel_start", offer())
      t.deliver("vpn_tunnel_start", offer({ [name] = value }))
      t.equal(#m.calls, 3)
      t.equal(m.said[2], "closed same_tunnel_id_config_drift")
    end)
  end
end

function test_the_engine_stops_a_tunnel(t)
  for reason, said in pairs({ idle_timeout = "idle_timeout", operator_disconnect = "operator_disconnect", [""] = "server_stop" }) do
    t.run(said, function(t)
      local m = play(t)
      t.deliver("vpn_tunnel_start", offer())
      t.deliver("vpn_tunnel_stop", { agent_id = offer().agent_id, tunnel_id = "aa", reason = reason })
      t.equal(last(m.calls), "close aa")
      t.equal(last(m.said), "closed " .. said)
      t.clock(3600)
      t.equal(#m.calls, 2)
    end)
  end
  local m = play(t)
  t.deliver("vpn_tunnel_stop", {}) -- nothing is open
  t.equal(m.calls, {})
end

function test_an_idle_tunnel_ends(t)
  local m = play(t)
  t.deliver("vpn_tunnel_start", offer({ idle_seconds = 5 }))
  t.clock(55)
  t.deliver("vpn_tunnel_activity", { agent_id = "OTHER_SYSTEM" })
  t.deliver("vpn_tunnel_activity", {})
  t.equal(#m.calls, 1)
  t.clock(10)
  t.equal(last(m.calls), "close aa")
  t.equal(last(m.said), "closed idle_timeout")
end

function test_activity_keeps_it(t)
  local m = play(t)
  t.deliver("vpn_tunnel_start", offer({ idle_seconds = 100 }))
  for _ = 1, 10 do
    t.clock(90)
    t.deliver("vpn_tunnel_activity", { agent_id = offer().agent_id })
  end
  t.equal(#m.calls, 1)
  t.clock(101)
  t.equal(#m.calls, 2)
end

function test_a_persistent_engine_is_asked_again_and_again(t)
  local m = play(t)
  m.ensured = offer({ idle_seconds = 0 })
  t.clock(12)
  t.equal(m.calls, { "open aa 3389,5900 30" })
  t.clock(3600)
  t.equal(#m.calls, 1)
  t.equal(m.asked > 50, true)
  t.deliver("vpn_tunnel_stop", { tunnel_id = "aa", reason = "operator_stop" })
  t.equal(#m.calls, 1)
  t.equal(last(m.said), "stays open operator_stop")
  m.ensured = offer({ idle_seconds = 0, tunnel_id = "bb" })
  t.clock(70)
  t.equal(last(m.calls), "open bb 3389,5900 30")
end

function test_an_engine_without_tunnels_is_asked_seldom_and_quietly(t)
  local m = play(t)
  t.clock(24 * 3600)
  t.equal(m.asked > 80 and m.asked < 110, true)
  t.equal(m.said, {})
  local before = m.asked
  t.deliver("connect", {}) -- perhaps it is another Engine now
  t.clock(12)
  t.equal(m.asked, before + 1)
end

function test_other_trouble_is_told_once(t)
  local m = play(t)
  m.code = "refused"
  t.clock(3600)
  t.equal(m.said, { "not ensured" })
end

function test_an_ensured_tunnel_on_demand_is_no_activity(t)
  local m = play(t)
  m.ensured = offer({ idle_seconds = 900 })
  t.clock(12)
  t.equal(#m.calls, 1)
  for _ = 1, 4 do
    t.clock(200)
    t.deliver("connect", {})
  end
  t.equal(#m.calls, 1)
  t.clock(110)
  t.equal(m.calls[2], "close aa")
end

function test_a_tunnel_without_an_answer_is_mended(t)
  local m = play(t)
  m.answers = false
  t.deliver("vpn_tunnel_start", offer({ idle_seconds = 0 }))
  m.open.opened = os.time() - 20
  t.clock(60)
  t.equal(#m.calls, 1) -- it may still come
  m.open.opened = os.time() - 40
  t.clock(6)
  t.equal(m.calls, { "open aa 3389,5900 30", "close aa", "open aa 3389,5900 30" })
  t.equal(m.said[2], "closed same_tunnel_id_service_unhealthy")
  m.open.handshake = os.time() - 100
  t.clock(600)
  t.equal(#m.calls, 3)
  m.open.handshake = os.time() - 300
  t.deliver("vpn_tunnel_start", offer({ idle_seconds = 0 })) -- the Engine noticed first
  t.equal(#m.calls, 5)
end

function test_what_cannot_be_opened_is_tried_again_until_it_is_idle(t)
  local m = play(t)
  m.fails = "endpoint"
  t.deliver("vpn_tunnel_start", offer({ idle_seconds = 300 }))
  t.clock(299)
  t.equal(#m.calls, 5)
  t.clock(3600)
  t.equal(#m.calls, 5)
end

function test_an_offer_that_the_agent_has_lost_is_given_up(t)
  local m = play(t)
  m.fails = "unknown"
  t.deliver("vpn_tunnel_start", offer({ idle_seconds = 0 }))
  t.clock(3600)
  t.equal(m.calls, { "fail aa" })
end
