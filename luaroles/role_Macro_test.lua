local function macro(changes)
  local entry = {
    role = "macro", node_id = "n-13", window_handle = 198270, macro_type = "keypress", key = "{F5}", operation_mode = "Run Once",
    interval_ms = 1000, active = true, trigger = 0,
  }
  for name, value in pairs(changes or {}) do
    entry[name] = value
  end
  return entry
end

--- Stubs the user's session with one window.
local function session(t)
  local m = { did = {}, windows = { { handle = 198270, title = "Notes", process = "notes" } } }
  local function does(name)
    t.stub(name, function(what)
      if what ~= "" then -- which asks only whether it may
        m.did[#m.did + 1] = name .. " " .. tostring(type(what) == "table" and json.encode(what) or what)
      end
      if m.refused then
        return nil, m.refused, m.code
      end
      return true
    end)
  end
  does("input.text")
  does("input.keys")
  does("input.click")
  does("desktop.activate")
  t.stub("desktop.windows", function(opts)
    local list = {}
    for _, w in ipairs(m.windows) do
      if w.title:lower():find(opts.title:lower(), 1, true) and w.process:find(opts.process, 1, true) then
        list[#list + 1] = w
      end
    end
    return list
  end)
  t.stub("desktop.pixel", function() return m.colour end)
  t.stub("store.get", function() return m.stored end)
  t.stub("store.set", function(_, value) m.stored = value return true end)
  t.stub("store.delete", function() m.stored = nil return true end)
  return m
end

local function last(t)
  local sent = t.sent()
  return sent[#sent] and sent[#sent].data or {}
end

function test_a_key_is_pressed_once(t)
  local m = session(t)
  t.config({ macro() })
  t.config({ macro() })
  t.clock(10)
  t.equal(m.did, { "desktop.activate 198270", "input.keys {F5}" })
  t.equal(t.sent(), {
    {
      event = "macro_status",
      data = { agent_id = "LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM", node_id = "n-13", success = true, message = "sent" },
    },
  })
  t.config({ macro({ active = "false" }) })
  t.config({ macro({ key = "^s" }) }) -- switched off and on again, it is once more
  t.equal(m.did[4], "input.keys ^s")
end

function test_text_is_typed_under_both_names(t)
  for _, kind in ipairs({ "text", "typed_text" }) do
    local m = session(t)
    t.config({ macro({ node_id = kind, macro_type = kind, text = "żółw", window_handle = "198270" }) })
    t.equal(m.did[2], "input.text żółw")
  end
end

function test_it_repeats_until_it_is_changed(t)
  local m = session(t)
  t.config({ macro({ operation_mode = "Continuous" }) })
  for _ = 1, 3 do
    t.clock(1)
  end
  t.equal(#t.sent(), 4)
  t.config({ macro({ operation_mode = "Continuous", key = "x", interval_ms = 10 }) })
  t.clock(1) -- the wait that had begun
  t.equal(m.did[#m.did], "input.keys x")
  local before = #t.sent()
  t.clock(0.05)
  t.equal(#t.sent(), before + 1) -- never faster than every 50 ms
  t.config({ macro({ operation_mode = "Continuous", active = false }) })
  before = #t.sent()
  t.clock(5)
  t.equal(#t.sent(), before)
end

function test_the_interval_is_random_within_its_bounds(t)
  session(t)
  t.config({ macro({ operation_mode = "Continuous", randomize_interval = true, random_min = 200, random_max = 400 }) })
  t.clock(0.199)
  t.equal(#t.sent(), 1)
  t.clock(0.201)
  t.equal(#t.sent(), 2)
end

function test_triggers(t)
  session(t)
  t.config({ macro({ operation_mode = "Trigger-Once" }) })
  t.equal(#t.sent(), 0)
  t.config({ macro({ operation_mode = "Trigger-Once", trigger = 1 }) })
  t.config({ macro({ operation_mode = "Trigger-Once", trigger = 1 }) })
  t.equal(#t.sent(), 1) -- only as it rises
  t.config({ macro({ operation_mode = "Trigger-Once", trigger = 0 }) })
  t.config({ macro({ operation_mode = "Trigger-Once", trigger = "1" }) })
  t.equal(#t.sent(), 2)
  t.config({ macro({ operation_mode = "Trigger-Continuous", trigger = 1 }) })
  t.clock(1)
  t.equal(#t.sent(), 4)
  t.config({ macro({ operation_mode = "Trigger-Continuous", trigger = 0 }) })
  t.clock(5)
  t.equal(#t.sent(), 4)
end

function test_failures_are_told_as_failures(t)
  for name, case in pairs({
    ["no window"] = { { window_handle = 5 }, "the window is not there" },
    ["none chosen"] = { { window_handle = "" }, "no window is chosen" },
    ["no key"] = { { key = "" }, "there is no key to press" },
    ["no text"] = { { macro_type = "text" }, "there is no text to type" },
    ["a type"] = { { macro_type = "dance" }, 'macro type "dance" is not known' },
    ["a mode"] = { { operation_mode = "Sometimes" }, 'operation mode "Sometimes" is not known' },
  }) do
    t.run(name, function(t)
      session(t)
      t.config({ macro(case[1]) })
      t.equal(last(t).success, false)
      t.match(last(t).message, case[2])
      t.config({ macro({ active = false }) })
    end)
  end
end

function test_a_wrong_key_is_told_and_nothing_else_ends(t)
  local m = session(t)
  t.stub("input.keys", function() error("argument 1: {Etner}: no key is called \"Etner\"") end)
  t.config({ macro({ key = "{Etner}" }), macro({ node_id = "n-14", macro_type = "text", text = "x" }) })
  t.match(t.sent()[1].data.message, "no key is called")
  t.equal(last(t).success, true)
  t.equal(m.did[#m.did], "input.text x")
end

function test_without_the_operators_word_it_says_what_to_do(t)
  local m = session(t)
  m.refused, m.code = "input: not granted", "denied"
  t.config({ macro() })
  t.match(last(t).message, "role allow macro input")
end

function test_a_window_is_found_by_title_or_program(t)
  local m = session(t)
  m.windows[2] = { handle = 7, title = "Mail - Inbox", process = "mail" }
  t.config({ macro({ window_handle = false, window_title = "inbox" }) })
  t.equal(m.did[1], "desktop.activate 7")
  t.config({ macro({ node_id = "b", window_handle = false, window_process = "mail" }) })
  t.equal(m.did[3], "desktop.activate 7")
end

function test_the_operator_stops_it_for_good(t)
  local m = session(t)
  t.config({ macro({ operation_mode = "Continuous" }) })
  t.deliver("macro_stop", {})
  t.equal(m.stored, true)
  t.clock(10)
  t.config({ macro({ operation_mode = "Continuous" }) }) -- as after a reconnect
  t.clock(10)
  t.equal(#t.sent(), 1)
  t.deliver("macro_start", {})
  t.equal({ m.stored == nil, #t.sent() }, { true, 2 })
end

function test_a_long_text_can_be_stopped(t)
  local m = session(t)
  t.stub("input.text", function(piece)
    m.did[#m.did + 1] = piece
    timer.sleep(1)
    return true
  end)
  t.config({ macro({ macro_type = "text", text = ("żó"):rep(100) .. "end" }) })
  t.clock(1) -- the question whether it may
  t.equal({ m.did[3], #m.did }, { ("żó"):rep(50), 3 })
  t.deliver("macro_stop", {})
  t.clock(1)
  t.equal(#m.did, 3)
  t.match(last(t).message, "stopped by the operator")
end

function test_steps(t)
  local m = session(t)
  m.colour = "#102030"
  t.config({ macro({ steps = {
    { text = "amy" }, { keys = "{Tab}" }, { click = { x = 5, y = 6, button = "right" } }, { wait = 0.5 },
    { wait_window = { title = "notes" } }, { wait_pixel = { x = 1, y = 2, colour = "#FFFFFF", within = 3 } }, { keys = "{Enter}" },
  } }) })
  t.clock(0.5)
  t.equal(m.did[2], "input.text amy")
  t.match(m.did[4], "input.click .*right")
  t.equal(#t.sent(), 0) -- the pixel
  m.colour = "#ffffff"
  t.clock(1)
  t.equal(m.did[#m.did], "input.keys {Enter}")
  t.equal(last(t).success, true)
  t.config({ macro({ node_id = "b", steps = { { dance = 1 } } }), macro({ node_id = "c", steps = { { wait_window = { title = "none", within = 1 } } } }) })
  t.match(t.sent()[2].data.message, "step 1: it wants one of")
  for _ = 1, 12 do
    t.clock(0.1)
  end
  t.match(last(t).message, "step 1, wait_window: no such window came")
end
