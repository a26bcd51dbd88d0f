-- What gopher-lua's compiler gets wrong by itself: see rewrite.go and flow.go.
-- right sides go straight into the locals that get them
local a, b, c = 1, 2, 3
a, b = b, a
assert(a == 2 and b == 1)
a, b, c = b, c, a
assert(a == 1 and b == 3 and c == 2)
a, b = a + 10, a
assert(a == 11 and b == 1)
local s, old = "x", nil
s, old = s .. "y", s
assert(s == "xy" and old == "x")
a, b = not a, a
assert(a == false and b == 11)
local t, i = { 10, 20 }, 1
i, t[i], t.n = i + 1, i, i
assert(i == 2 and t[1] == 1 and t[2] == 20 and t.n == 1)
i = 1, 2
assert(i == 1)

-- a result that is cut to one value is written over the locals after it
local function two() return 5, 6 end
local function over(p, q) local x, y = 7, 8 q = (two()) return p, q, x, y end
local p, q, x, y = over(1, 2)
assert(p == 1 and q == 5 and x == 7 and y == 8)
local function joined(p, q) local x, y = 7, 8 q = p .. "z" return q, x, y end
q, x, y = joined("a")
assert(q == "az" and x == 7 and y == 8)
local function varied(...) local x, y, z = 1, 2, 3 x = (...) return x, y, z end
x, y, p = varied(9)
assert(x == 9 and y == 2 and p == 3)
local function extra(...) local x, y, z = 1, 2, 3 x = ..., 4 return x, y, z end
x, y, p = extra(9)
assert(x == 9 and y == 2 and p == 3)
local function looped(...) local x, y = 1, 2 for _ = 1, 2 do x = (...), y for _ = 1, 2 do end end return x, y end
x, y = looped(9)
assert(x == 9 and y == 2)

-- a jump back to a jump ends anywhere
local rounds, unset = 0, nil
local before = two() <= two()
for _ in ipairs({ 1, 2, 3 }) do
  if not (false and 1) ~= (false or unset) then rounds = rounds + 1 end
end
assert(rounds == 3 and before)
for _ in ipairs({ 1, 2, 3 }) do
  if false then error("never") end
  rounds = rounds + 1
end
assert(rounds == 6)
while true do while true do while true do break end break end break end
repeat repeat until true until true
local n = 0
while false or n < 3 do n = n + 1 if nil then break end end
repeat do local stop = n > 5 if stop then break end end n = n + 1 until false
assert(n == 6)
for _ = 1, 2 do if true then n = n + 1 end end
for _, v in pairs({ 1 }) do do do if nil then else n = n + v end end end end
assert(n == 9)
assert(not nil and (nil or 1) == 1 and ("x" and 2) == 2 and (false or nil) == nil and select("#", (1 and two())) == 1)

-- values that an iterator's list leaves out
local function from(_, k) k = (k or 0) + 1 if k < 3 then return k end end
for _ = 1, 3 do
  local junk1, junk2, junk3, junk4 = 1, 2, 3, 4
  local seen = 0
  do local j1, j2, j3, j4, j5, j6 = 9, 9, 9, 9, 9, 9 end
  for k in from do seen = seen + k end
  for k, v in next, { 5 } do seen = seen + v end
  for k in next, { 5 } do seen = seen + k end
  assert(seen == 9 and junk1 + junk2 + junk3 + junk4 == 10)
end

-- long lists
local long = { two(), two(), two(), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, two() }
assert(#long == 52 and long[1] == 5 and long[50] == 1 and long[51] == 5 and long[52] == 6)
