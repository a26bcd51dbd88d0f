function test_the_answer_is_what_the_program_said(t)
  t.stub("process.run", function(argv)
    t.equal(argv, { "uptime", "-p" })
    return { exit_code = 0, stdout = "up 3 days\n", stderr = "" }
  end)
  t.deliver("uptime_ask", { id = 7 })
  t.equal(t.sent()[1].data, { id = 7, text = "up 3 days\n", exit_code = 0 })
end

function test_a_missing_program_is_said(t)
  t.stub("process.run", function() return nil, "uptime is not there", "not_found" end)
  t.deliver("uptime_ask", { id = 8 })
  t.equal(t.sent()[1].data, { id = 8, error = "uptime is not there" })
end
