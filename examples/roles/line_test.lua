function test_each_line_is_answered(t)
  local said, closed = {}, false
  local lines = { "uptime", "what" }
  local conn = {
    read_line = function() return table.remove(lines, 1) end,
    write = function(_, text)
      said[#said + 1] = json.decode(text)
      return true
    end,
    close = function() closed = true end,
  }
  local calls = 0
  t.stub("tunnel.get", function() return { id = "aa11" } end)
  t.stub("system.host", function() return { uptime = 4711 } end)
  t.stub("tunnel.listen", function(port)
    t.equal(port, 47100)
    return {
      accept = function()
        calls = calls + 1
        if calls == 1 then
          return conn
        end
        return nil, "the tunnel has ended", "closed"
      end,
      close = function() end,
    }
  end)
  t.clock(1)
  t.equal(said, { { uptime = 4711 }, { error = "ask for: uptime" } })
  t.equal(closed, true)
end
