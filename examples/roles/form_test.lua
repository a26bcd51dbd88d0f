local function desk(t, after)
  local m = { did = {}, looks = 0 }
  t.stub("desktop.windows", function(opts)
    m.looks = m.looks + 1
    return m.looks > after and { { handle = 7, title = opts.title } } or {}
  end)
  for _, name in ipairs({ "desktop.activate", "input.text", "input.keys" }) do
    t.stub(name, function(what)
      m.did[#m.did + 1] = ("%s %s"):format(name, tostring(what))
      return true
    end)
  end
  return m
end

function test_the_fields_are_filled_in_once_the_window_is_there(t)
  local m = desk(t, 2)
  t.deliver("form_fill", { id = 1, title = "Login", fields = { "amy", "{^}" } })
  t.equal(m.did, {})
  t.clock(0.5)
  t.clock(0.5)
  t.equal(m.did, { "desktop.activate 7", "input.text amy", "input.keys {Tab}", "input.text {^}", "input.keys {Tab}", "input.keys {Enter}" })
  t.equal(t.sent(), { { event = "form_filled", data = { id = 1, ok = true } } })
end

function test_a_window_that_never_comes_is_said(t)
  desk(t, 1000)
  t.deliver("form_fill", { id = 2, title = "Login", fields = {} })
  for _ = 1, 20 do
    t.clock(0.5)
  end
  t.equal(t.sent()[1].data, { id = 2, ok = false, reason = 'no window "Login" came within 10 seconds' })
end
