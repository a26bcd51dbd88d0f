function test_hello_is_answered(t)
  t.deliver("hello", { from = "ada" })
  t.equal(t.sent(), { { event = "hello_back", data = { to = "ada", host = "lab-pc7" } } })
end
