-- The language itself.
-- numerals
assert(0x10 == 16 and 010 == 10 and 0010 == 10 and 1e2 == 100 and .5 == 0.5 and 3. == 3 and 0xA == 10 and 1E-2 == 0.01)
assert(1 / 0 == math.huge and -1 / 0 == -math.huge and 0 / 0 ~= 0 / 0)
assert(7 % 3 == 1 and -7 % 3 == 2 and 7 % -3 == -2 and -7 % -3 == -1 and 5.5 % 2 == 1.5)
assert(2 ^ 10 == 1024 and -2 ^ 2 == -4 and 2 ^ 3 ^ 2 == 512 and (2 ^ 3) ^ 2 == 64)
assert(1 + 2 * 3 == 7 and (1 + 2) * 3 == 9 and 10 / 4 == 2.5 and - -3 == 3 and not not nil == false)

-- strings
assert("\65\066\x" == "ABx" and "a\
b" == "a\nb" and '\'' == "'" and [[
x]] == "x" and [==[a]]b]==] == "a]]b" and "\a\b\f\v\t" == "\7\8\12\11\9")

-- logic
assert((nil or 1) == 1 and (false and 1) == false and (nil and 1) == nil and (1 and 2) == 2 and (1 or error()) == 1)
local function both(a, b) return a and b, a or b end
local x, y = both(nil, 2)
assert(x == nil and y == 2)
local t1 = { a = 1 == 1 and "yes" or "no", b = nil == false }
assert(t1.a == "yes" and t1.b == false)

-- assignment: all right sides first
local a, b, c = 1, 2
assert(a == 1 and b == 2 and c == nil)
a, b = b, a
assert(a == 2 and b == 1)
local i, list = 1, { 10, 20, 30 }
i, list[i] = i + 1, 99
assert(i == 2 and list[1] == 99)
local function three() return 1, 2, 3 end
local p, q, r, s = three()
assert(p == 1 and r == 3 and s == nil)
p, q = (three())
assert(p == 1 and q == nil)
local z1, z2, z3 = 0, three()
assert(z1 == 0 and z2 == 1 and z3 == 2)

-- calls and varargs
local function count(...) return select("#", ...) end
assert(count() == 0 and count(nil) == 1 and count(nil, nil) == 2 and count(three()) == 3 and count(three(), 9) == 2 and count((three())) == 1)
local function last(...) return (select(select("#", ...), ...)) end
assert(last(1, 2, 3) == 3 and select(-1, 1, 2, 3) == 3 and select(2, "a", "b", "c") == "b" and count(select(4, 1, 2, 3)) == 0)
local function pass(...) return ... end
assert(count(pass(1, nil, nil)) == 3 and pass() == nil)
local function named(first, ...) local second, third = ... return first, second, third end
local n1, n2, n3 = named("a", "b")
assert(n1 == "a" and n2 == "b" and n3 == nil)
assert(#{ pass(1, 2, 3) } == 3 and #{ pass(1, 2, 3), 4 } == 2 and #{ (pass(1, 2)) } == 1)
assert(not pcall(select, 0) and not pcall(select, -5, 1))
local str = "x"
assert(str:rep(2) == "xx" and ("y"):upper() == "Y" and #str:rep(3) == 3)
local f = function(t) return t[1] end
assert(f { 5 } == 5 and type "x" == "string" and f { f { 7 } } == 7)

-- table constructors of every size, with a call at the end
for n = 0, 210 do
  local src = {}
  for k = 1, n do src[k] = k end
  local packed = { unpack(src) }
  assert(#packed == n and packed[n] == (n > 0 and n or nil))
end
local fifty = {
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, three()
}
assert(#fifty == 53 and fifty[1] == 1 and fifty[50] == 50 and fifty[51] == 1 and fifty[53] == 3)
local mixed = { 1, x = 2, 3, [10] = 4, "y"; "z", [1 + 1] = "lost", }
assert(mixed[1] == 1 and mixed.x == 2 and mixed[10] == 4 and mixed[3] == "y" and mixed[4] == "z")

-- scope and closures
local counters = {}
for k = 1, 3 do
  local c2 = 0
  counters[k] = function() c2 = c2 + k return c2 end
end
assert(counters[1]() == 1 and counters[3]() == 3 and counters[3]() == 6 and counters[1]() == 2)
local function shared() local v = 0 return function() v = v + 1 return v end, function() return v end end
local inc, get = shared()
inc() inc()
assert(get() == 2)
do local a2 = 1 do local a2 = 2 assert(a2 == 2) end assert(a2 == 1) end
local fns = {}
local w = 1
while w <= 2 do local v = w fns[w] = function() return v end w = w + 1 end
assert(fns[1]() == 1 and fns[2]() == 2)
local rep = 0
repeat local done = rep == 3 rep = rep + 1 until done
assert(rep == 4)
local function fact(n) if n == 0 then return 1 end return n * fact(n - 1) end
assert(fact(10) == 3628800)
local function even(n) if n == 0 then return true end return n % 2 == 0 end
assert(even(10))

-- an error that is caught leaves the locals of those who live on alone
local seen = 1
local function read() return seen end
assert(not pcall(error, "boom"))
seen = 2
assert(read() == 2)
local write = function(v) seen = v end
assert(not pcall(function() write(3) local q2 = seen error(q2) end))
seen = seen + 1
assert(seen == 4 and read() == 4)
local escaped
assert(not pcall(function() local y2 = 5 escaped = function() y2 = y2 + 1 return y2 end error("z") end))
assert(escaped() == 6 and escaped() == 7)

-- loops
local sum = 0
for k = 1, 10 do sum = sum + k end
for k = 10, 1, -1 do sum = sum - k end
for k = 1, 0 do sum = 1e9 end
for k = 0.1, 0.35, 0.1 do sum = sum + 1 end
assert(sum == 3)
for k = 1, 3 do local k = k * 2 sum = sum + k end
assert(sum == 15)
for k = 1, 10 do if k == 3 then break end sum = k end
assert(sum == 2)
local keys = 0
for k, v in pairs({ 1, 2, a = 3 }) do keys = keys + v end
for k, v in ipairs({ 1, 2, nil, 4 }) do keys = keys + v end
assert(keys == 9)
for k in (function(_, k) k = (k or 0) + 1 if k < 4 then return k end end) do keys = keys + k end
assert(keys == 15)
local seen2 = ""
for k in next, { 1, 2 } do seen2 = seen2 .. k end
for k, v in next, { 5, 6 } do seen2 = seen2 .. k .. v end
for k, v, none in next, { 7 }, nil do seen2 = seen2 .. k .. v .. tostring(none) end
local function upto(n, c) c = (c or 0) + 1 if c <= n then return c end end
local function two() return 2, nil end
local function four() return upto, 2, nil, "extra" end
for k in upto, two() do seen2 = seen2 .. k end
for k in four() do seen2 = seen2 .. k end
for k, v in upto, 2, two() do seen2 = seen2 .. k end
for k in upto, (two()) do seen2 = seen2 .. k end
for k in upto, 2, nil, four() do seen2 = seen2 .. k end
assert(seen2 == "1215" .. "2617nil" .. "12" .. "12" .. "" .. "12" .. "12", seen2)
local t = {}
for k = 1, 100 do t[k] = k t["k" .. k] = k end
for k in pairs(t) do t[k] = nil end
assert(next(t) == nil)

-- methods
local Class = {}
Class.__index = Class
function Class.new(v) return setmetatable({ v = v }, Class) end
function Class:get(d) return self.v + (d or 0) end
local Sub = setmetatable({}, { __index = Class })
Sub.__index = Sub
function Sub:get() return Class.get(self) * 2 end
assert(Class.new(3):get() == 3 and Class.new(3):get(1) == 4 and setmetatable({ v = 4 }, Sub):get() == 8)
local nest = { a = { b = {} } }
function nest.a.b.f(v) return v end
function nest.a.b:g() return self end
assert(nest.a.b.f(1) == 1 and nest.a.b:g() == nest.a.b)

-- deep recursion, to a depth that everyone has
local function down(n) if n == 0 then return 0 end return 1 + down(n - 1) end
assert(down(150) == 150 and not pcall(function() local function forever(n) return 1 + forever(n) end return forever(1) end))
