function test_a_host_that_answers_is_up(t)
  t.stub("http.get", function(url, opts)
    t.equal({ url, opts.timeout }, { "https://status.example.org/health", 10 })
    return { status = 200, body = "well" }
  end)
  t.deliver("probe", { id = 1 })
  t.equal(t.sent()[1].data, { id = 1, up = true, status = 200 })
end

function test_a_host_that_does_not_is_down_with_a_reason(t)
  t.stub("http.get", function() return nil, "nobody there", "refused" end)
  t.deliver("probe", { id = 2 })
  t.equal(t.sent()[1].data, { id = 2, up = false, reason = "refused", detail = "nobody there" })
end
