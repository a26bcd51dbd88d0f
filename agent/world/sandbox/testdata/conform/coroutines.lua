-- Coroutines.
local co = coroutine.create(function(a, b)
  assert(a == 1 and b == 2)
  local c, d = coroutine.yield(a + b)
  assert(c == "x" and d == nil)
  local e, f, g = coroutine.yield()
  assert(e == nil and f == nil and g == nil)
  local n = select("#", coroutine.yield(1, 2, 3))
  assert(n == 2)
  local t = { coroutine.yield() }
  assert(#t == 3)
  local q = { k = coroutine.yield(), m = 5 }
  assert(q.k == nil and q.m == 5)
  return "end", 9
end)
assert(coroutine.status(co) == "suspended" and type(co) == "thread")
local ok, v = coroutine.resume(co, 1, 2)
assert(ok and v == 3)
assert(select("#", coroutine.resume(co, "x")) == 1)
assert(select("#", coroutine.resume(co)) == 4)
assert(coroutine.resume(co, nil, nil))
assert(coroutine.resume(co, 1, 2, 3))
local ok2, r1, r2 = coroutine.resume(co)
assert(ok2 and r1 == "end" and r2 == 9 and coroutine.status(co) == "dead")
ok, v = coroutine.resume(co)
assert(not ok and v == "cannot resume dead coroutine")

-- errors
co = coroutine.create(function() error({ 1 }) end)
ok, v = coroutine.resume(co)
assert(not ok and v[1] == 1 and coroutine.status(co) == "dead")
co = coroutine.create(function() local x = nil return x.y end)
ok, v = coroutine.resume(co)
assert(not ok and v:match("coroutines.lua:%d+: attempt to index"))
assert(not pcall(coroutine.create, 1) and not pcall(coroutine.resume, 1) and not pcall(coroutine.create))

-- wrap
local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
assert(gen() == 1 and gen() == 2 and gen() == 3 and gen() == nil)
ok, v = pcall(gen)
assert(not ok and v:match("cannot resume dead coroutine"))
local sum = 0
for i in coroutine.wrap(function() for i = 1, 10 do coroutine.yield(i) end end) do sum = sum + i end
assert(sum == 55)
ok, v = pcall(coroutine.wrap(function() error("boom") end))
assert(not ok and v:match("boom"))
ok, v = pcall(coroutine.wrap(function() error({ 7 }) end))
assert(not ok and v[1] == 7)

-- yields through calls, and recursion
local function walk(tree) if tree then walk(tree[1]) coroutine.yield(tree.v) walk(tree[2]) end end
local out = {}
for v in coroutine.wrap(function() walk({ { v = 1 }, { v = 3 }, v = 2 }) end) do out[#out + 1] = v end
assert(table.concat(out) == "123")
local y = coroutine.yield
co = coroutine.wrap(function() return y(1), y(2) end)
assert(co() == 1 and co("a") == 2)
local a, b = co("b")
assert(a == "a" and b == "b")

-- tail position
co = coroutine.wrap(function() return coroutine.yield("t") end)
assert(co() == "t")
local t1, t2, t3 = co(1, 2, 3)
assert(t1 == 1 and t2 == 2 and t3 == 3)

-- status and running
assert(coroutine.running() == nil)
local outer
outer = coroutine.create(function()
  assert(coroutine.running() == outer and coroutine.status(outer) == "running")
  local inner = coroutine.create(function()
    assert(coroutine.status(outer) == "normal")
    local ok, e = coroutine.resume(outer)
    assert(not ok and e == "cannot resume normal coroutine")
  end)
  assert(coroutine.resume(inner))
  assert(pcall(function() assert(coroutine.running() == outer and coroutine.status(outer) == "running") end))
  local ok, e = coroutine.resume(outer)
  assert(not ok and e == "cannot resume running coroutine")
end)
assert(coroutine.resume(outer))

-- where a yield cannot go
local function refused(f)
  local c = coroutine.create(f)
  local ok, e = coroutine.resume(c)
  assert(ok and e == nil, e)
  assert(coroutine.status(c) == "dead")
end
local crossing = "attempt to yield across metamethod/C%-call boundary"
refused(function() local ok, e = pcall(coroutine.yield, 1) assert(not ok and e:match(crossing)) end)
refused(function() local ok, e = pcall(function() coroutine.yield(1) end) assert(not ok and e:match(crossing)) end)
refused(function()
  local t = setmetatable({}, { __index = function() coroutine.yield(1) end, __add = function() coroutine.yield(1) end })
  local ok, e = pcall(function() return t.x end)
  assert(not ok and e:match(crossing))
end)
local function failing(f)
  local ok, e = coroutine.resume(coroutine.create(f))
  assert(not ok and e:match(crossing), e)
end
failing(function() local t = setmetatable({}, { __index = function() coroutine.yield(1) end }) return t.x end)
failing(function() return setmetatable({}, { __add = function() coroutine.yield(1) end }) + 1 end)
failing(function() local m = { __lt = function() coroutine.yield(1) end } return setmetatable({}, m) < setmetatable({}, m) end)
failing(function() for _ in function() coroutine.yield(1) end do end end)
failing(function() table.sort({ 3, 2, 1 }, function() coroutine.yield(1) end) end)
failing(function() ("x"):gsub("x", function() coroutine.yield(1) end) end)
assert(not pcall(coroutine.yield, 1))
ok, v = pcall(coroutine.yield)
assert(not ok and v:match("attempt to yield"))

-- a protected call within a coroutine keeps working around yields
co = coroutine.wrap(function()
  local ok, e = pcall(error, "one", 0)
  local got = coroutine.yield(e)
  local ok2, e2 = pcall(error, got, 0)
  return e2
end)
assert(co() == "one" and co("two") == "two")

-- many, and forgotten ones
for i = 1, 3000 do
  local c = coroutine.wrap(function() coroutine.yield(i) end)
  assert(c() == i)
end

-- closures of a coroutine outlive it
local kept
co = coroutine.wrap(function() local v = 1 kept = function() v = v + 1 return v end coroutine.yield() v = 10 end)
co()
assert(kept() == 2)
co()
assert(kept() == 11)
