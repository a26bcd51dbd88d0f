function test_the_role_beats_once_a_minute(t)
  t.clock(59)
  t.equal(t.sent(), {})
  t.clock(1)
  t.equal(t.sent(), { { event = "beat", data = { count = 1 } } })
  t.clock(600)
  t.equal(#t.sent(), 11)
end
