-- The base library, table and math.
-- tostring, tonumber
assert(tostring(1) == "1" and tostring(1.5) == "1.5" and tostring(-0.25) == "-0.25" and tostring(1e100) == "1e+100")
assert(tostring(0.1) == "0.1" and tostring(0.1 + 0.2) == "0.3" and tostring(1 / 3) == "0.33333333333333" and tostring(123456789012) == "123456789012")
assert(tostring(math.huge) == "inf" and tostring(-math.huge) == "-inf" and tostring(nil) == "nil" and tostring(true) == "true")
assert(tostring({}):match("^table: ") and tostring(print):match("^function: ") and tostring(1e14) == "1e+14" or tostring(1e14) == "100000000000000")
assert(tonumber("10") == 10 and tonumber("  0x1F  ") == 31 and tonumber("1e1") == 10 and tonumber(".5") == 0.5 and tonumber("5.") == 5)
assert(tonumber("-7") == -7 and tonumber("+7") == 7 and tonumber("010") == 10 and tonumber("") == nil and tonumber(" ") == nil)
assert(tonumber("x") == nil and tonumber("1x") == nil and tonumber("1 2") == nil and tonumber("1_0") == nil and tonumber("0b1") == nil and tonumber("1e") == nil)
assert(tonumber("ff", 16) == 255 and tonumber("zz", 36) == 1295 and tonumber("8", 8) == nil and tonumber("0x1f", 16) == 31 and tonumber("101", 2) == 5)
assert(tonumber(nil) == nil and tonumber({}) == nil and tonumber(5) == 5 and not pcall(tonumber) and not pcall(tonumber, "1", 99))

-- type, assert, error, pcall, xpcall
assert(type(nil) == "nil" and type({}) == "table" and type(type) == "function" and not pcall(type))
assert(select("#", assert(1, 2, 3)) == 3)
local ok, e = pcall(assert, false)
assert(not ok and e == "assertion failed!")
ok, e = pcall(assert, nil, "message")
assert(not ok and e == "message")
ok, e = pcall(error, { code = 1 })
assert(not ok and e.code == 1)
ok, e = pcall(error, "plain", 0)
assert(not ok and e == "plain")
ok, e = pcall(error)
assert(not ok and e == nil)
ok, e = pcall(function() error("here") end)
assert(e:match("library.lua:%d+: here$"))
local function blame() error("there", 2) end
ok, e = pcall(function()
  local x = 1
  blame() -- the line that counts
  return x
end)
local line = e:match("library.lua:(%d+): there$")
assert(line == "31")
assert(select("#", pcall(function() return 1, nil, nil end)) == 4 and pcall(function() end) == true)
ok, e = pcall(nil)
assert(not ok and e == "attempt to call a nil value")
local function nested() local a, b = pcall(error, "in", 0) error(b .. "out", 0) end
ok, e = pcall(nested)
assert(e == "inout")
ok, e = xpcall(function() error("x", 0) end, function(m) return m .. "!" end)
assert(not ok and e == "x!")
ok, e = xpcall(function() return 1, 2 end, print)
assert(ok and e == 1)
ok, e = xpcall(function() error("x") end, function() error("y") end)
assert(not ok)

-- next, pairs, ipairs, unpack, rawlen
assert(next({}) == nil and next({ 5 }) == 1 and select(2, next({ 5 })) == 5)
assert(select("#", unpack({ 1, 2, 3 })) == 3 and unpack({ 1, 2, 3 }, 2) == 2 and select("#", unpack({}, 1, 3)) == 3 and select("#", unpack({ 1 }, 2)) == 0)
assert(not pcall(unpack, {}, 1, 1e8) and not pcall(ipairs) and not pcall(pairs, nil))
local gone = { 1, 2, 3, a = 1 }
for k in pairs(gone) do gone[k] = nil end
assert(next(gone) == nil)

-- table
local t = { 1, 2, 3 }
table.insert(t, 4)
table.insert(t, 1, 0)
table.insert(t, 6, 5)
assert(table.concat(t, ",") == "0,1,2,3,4,5" and table.remove(t) == 5 and table.remove(t, 1) == 0 and table.concat(t, ",") == "1,2,3,4")
assert(table.remove(t, 2) == 2 and #t == 3 and table.remove({}) == nil and table.remove(t, 10) == nil)
t = { 1, 2, 3 }
t[3] = nil
assert(#t == 2 and table.remove(t) == 2 and #t == 1)
for k = 1, 5 do table.insert(t, 1, k) t[#t] = nil end
assert(#t == 1 and t[1] == 5)
assert(table.concat({}) == "" and table.concat({ 1, "a", 2.5 }, "-") == "1-a-2.5" and table.concat({ 1, 2, 3 }, ",", 2) == "2,3")
assert(table.concat({ 1, 2, 3 }, ",", 2, 2) == "2" and table.concat({ 1, 2, 3 }, ",", 3, 2) == "" and not pcall(table.concat, { {} }))
assert(not pcall(table.concat, { 1 }, ",", 1, 2) and not pcall(table.insert, { 1 }) and not pcall(table.insert, nil, 1))
assert(table.maxn({ 1, 2, [10] = 1, [3.5] = 1, x = 1 }) == 10 and table.maxn({}) == 0)
local s = { 5, 2, 8, 1, 9, 3 }
table.sort(s)
assert(table.concat(s, ",") == "1,2,3,5,8,9")
table.sort(s, function(a, b) return a > b end)
assert(table.concat(s, ",") == "9,8,5,3,2,1")
local names = { "b", "a", "C" }
table.sort(names)
assert(table.concat(names) == "Cab")
assert(not pcall(table.sort, { 1, "a", {} }) and not pcall(table.sort, { 3, 2, 1 }, function() error("x") end))
local big = {}
for k = 1, 2000 do big[k] = (k * 7919) % 2003 end
table.sort(big)
for k = 2, 2000 do assert(big[k - 1] <= big[k]) end

-- math
assert(math.abs(-1) == 1 and math.ceil(1.2) == 2 and math.floor(-1.2) == -2 and math.max(1, 3, 2) == 3 and math.min(3, 1, 2) == 1)
assert(math.fmod(7, 3) == 1 and math.fmod(-7, 3) == -1 and math.sqrt(16) == 4 and math.pow(2, 3) == 8 and math.exp(0) == 1 and math.log(1) == 0)
assert(math.log10(1000) == 3 and math.deg(math.pi) == 180 and math.rad(180) == math.pi and math.sin(0) == 0 and math.atan2(0, 1) == 0)
local whole, part = math.modf(3.7)
assert(whole == 3 and math.abs(part - 0.7) < 1e-9)
whole, part = math.modf(-3.5)
assert(whole == -3 and part == -0.5 and math.modf(math.huge) == math.huge and math.ldexp(1, 3) == 8)
local m, x = math.frexp(8)
assert(m == 0.5 and x == 4 and math.floor("3.7") == 3 and not pcall(math.floor, "x") and not pcall(math.floor) and not pcall(math.max))
math.randomseed(42)
local r1, r2 = math.random(), math.random(100)
math.randomseed(42)
assert(r1 == math.random() and r2 == math.random(100) and r1 >= 0 and r1 < 1)
for _ = 1, 200 do
  local r = math.random(3)
  assert(r >= 1 and r <= 3 and r == math.floor(r))
  r = math.random(-2, 2)
  assert(r >= -2 and r <= 2)
end
assert(not pcall(math.random, 0) and not pcall(math.random, 2, 1) and not pcall(math.random, 1, 2, 3) and math.random(5, 5) == 5)

-- os
assert(type(os.time()) == "number" and type(os.clock()) == "number" and os.difftime(5, 3) == 2)
assert(os.date("!%Y-%m-%d %H:%M:%S", 0) == "1970-01-01 00:00:00" and os.date("!%a %A %b %B %d %j %p %w %y %%", 86400) == "Fri Friday Jan January 02 002 AM 5 70 %")
assert(os.date("!%c", 0) == "Thu Jan  1 00:00:00 1970" and os.date("!%x %X %U %W", 1e9) == "09/09/01 01:46:40 36 36")
local d = os.date("!*t", 1e9)
assert(d.year == 2001 and d.month == 9 and d.day == 9 and d.hour == 1 and d.min == 46 and d.sec == 40 and d.wday == 1 and d.yday == 252 and d.isdst == false)
local now = os.time()
assert(os.time(os.date("*t", now)) == now and os.time({ year = 2001, month = 1, day = 1, hour = 0 }) == os.time({ year = 2000, month = 13, day = 1, hour = 0 }))
assert(not pcall(os.time, { year = 2000 }) and os.time({ year = "2001", month = 1, day = 1 }) == os.time({ year = 2001, month = 1, day = 1, hour = 12 }))
