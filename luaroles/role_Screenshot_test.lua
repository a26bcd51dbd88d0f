local ME = "LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM"

local function node(changes)
  local entry = { role = "screenshot", node_id = "n-12", x = 40, y = 60, w = 320, h = 200, interval = 500, visible = true, alias = "Meter" }
  for name, value in pairs(changes or {}) do
    entry[name] = value
  end
  return entry
end

--- Stubs a screen, on which m.shows is to be seen.
local function screen(t)
  local m = { shows = "A", taken = {} }
  t.stub("screenshot.capture", function(opts)
    m.taken[#m.taken + 1] = opts
    if m.refused then
      return nil, m.refused, m.code
    end
    if m.large and opts.format ~= "jpeg" then
      return nil, "a picture of 5000000 bytes", "limit"
    end
    local unchanged = opts.unless == m.shows
    return { image = unchanged and "" or "picture " .. m.shows, hash = m.shows, unchanged = unchanged }
  end)
  t.stub("settings.get", function(name) return (m.settings or {})[name] end)
  return m
end

local function images(t)
  local list = {}
  for i, sent in ipairs(t.sent()) do
    t.equal(sent.event, "agent_screenshot_task")
    list[i] = sent.data.node_id .. ":" .. sent.data.image_base64
  end
  return list
end

function test_first_the_place_and_then_pictures(t)
  local m = screen(t)
  t.config({ node() })
  t.equal(t.sent()[1].data, { agent_id = ME, node_id = "n-12", image_base64 = "", x = 40, y = 60, w = 320, h = 200 })
  t.clock(0.5)
  t.equal(images(t), { "n-12:", "n-12:picture A" })
  t.equal(m.taken[1], { x = 40, y = 60, width = 320, height = 200, base64 = true })
end

function test_what_has_not_changed_is_not_sent_again(t)
  local m = screen(t)
  t.config({ node() })
  for _ = 1, 3 do
    t.clock(0.5)
  end
  t.equal(#m.taken, 3)
  m.shows = "B"
  t.clock(0.5)
  t.equal(images(t), { "n-12:", "n-12:picture A", "n-12:picture B" })
  m.settings = { every_frame = true }
  t.clock(0.5)
  t.equal(#t.sent(), 4)
end

function test_changed_settings_count(t)
  screen(t)
  t.config({ node() })
  t.clock(0.5)
  t.config({ node({ x = 50 }) })
  t.equal(t.sent()[3].data.x, 50)
  t.equal(t.sent()[3].data.image_base64, "")
  t.clock(0.5)
  t.equal(images(t)[4], "n-12:picture A")
  t.config({ node({ x = 50, interval = 5000 }) })
  local before = #t.sent()
  t.clock(4.9)
  t.equal(#t.sent(), before)
  t.clock(0.1)
  t.equal(#t.sent(), before + 1)
  t.config({ node({ x = 50, interval = 5000, alias = "other" }) }) -- nothing that matters
  t.equal(#t.sent(), before + 1)
end

function test_one_picture_serves_all_that_want_it(t)
  local m = screen(t)
  t.config({ node(), node({ node_id = "n-13" }), node({ node_id = "n-14", w = 10 }) })
  t.clock(0.5)
  t.equal(#m.taken, 2)
  t.equal(#t.sent(), 6)
  t.config({ node() })
  m.shows = "B"
  t.clock(0.5)
  t.equal(#m.taken, 3)
  t.equal(images(t)[7], "n-12:picture B")
end

function test_an_empty_list_ends_all_of_it(t)
  local m = screen(t)
  t.config({ node() })
  t.stop()
  t.clock(10)
  t.equal(#m.taken, 0)
end

function test_trouble_is_told_and_does_not_end_it(t)
  local m = screen(t)
  m.refused, m.code = "there is no display", "no_display"
  t.config({ node() })
  t.clock(0.5)
  t.clock(0.5)
  t.equal(#t.sent(), 1)
  m.refused = nil
  t.clock(0.5)
  t.equal(images(t)[2], "n-12:picture A")
end

function test_a_picture_that_is_too_large_comes_as_jpeg(t)
  local m = screen(t)
  m.large = true
  t.config({ node() })
  t.clock(0.5)
  t.equal({ #m.taken, m.taken[2].format, #t.sent() }, { 2, "jpeg", 2 })
end

function test_entries_that_are_none_of_ours(t)
  local m = screen(t)
  t.config({ node({ role = "macro" }), node({ node_id = "" }), { role = "screenshot" }, "text", node({ node_id = "ok", role = "node_screenshot", interval = 1, w = -5 }) })
  t.equal(images(t), { "ok:" })
  t.clock(0.1)
  t.equal(m.taken[1].width, 1)
end

function test_windows_are_listed_for_whom_it_is_asked(t)
  screen(t)
  t.stub("desktop.windows", function()
    return { { handle = 198270, title = "Notes", process = "notes", pid = 7 } }
  end)
  t.deliver("list_agent_windows", { agent_id = "other" })
  t.equal(t.sent(), {})
  t.deliver("list_agent_windows", { agent_id = ME })
  t.equal(t.sent()[1].data, { agent_id = ME, windows = { { title = "Notes", handle = 198270 } } })
  t.stub("desktop.windows", function() return nil, "no", "no_display" end)
  t.deliver("list_agent_windows", { agent_id = ME })
  t.equal(t.sent()[2].data.windows, {})
end
