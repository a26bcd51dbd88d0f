-- Metatables.
local V = {}
V.__index = V
local function vec(x) return setmetatable({ x = x }, V) end
local function val(v) return type(v) == "table" and v.x or v end
V.__add = function(a, b) return vec(val(a) + val(b)) end
V.__sub = function(a, b) return vec(val(a) - val(b)) end
V.__mul = function(a, b) return vec(val(a) * val(b)) end
V.__div = function(a, b) return vec(val(a) / val(b)) end
V.__mod = function(a, b) return vec(val(a) % val(b)) end
V.__pow = function(a, b) return vec(val(a) ^ val(b)) end
V.__unm = function(a) return vec(-val(a)) end
V.__concat = function(a, b) return "<" .. val(a) .. "," .. val(b) .. ">" end
V.__eq = function(a, b) return a.x == b.x end
V.__lt = function(a, b) return a.x < b.x end
V.__le = function(a, b) return a.x <= b.x end
V.__call = function(self, a, b) return self.x, a, b end
V.__tostring = function(self) return "vec " .. self.x end
assert((vec(1) + vec(2)).x == 3 and (vec(1) + 2).x == 3 and (1 + vec(2)).x == 3 and ("1" + vec(2)).x == 3 and (vec(2) + "1").x == 3)
assert((vec(5) - 1).x == 4 and (2 * vec(3)).x == 6 and (vec(6) / 2).x == 3 and (vec(7) % 4).x == 3 and (vec(2) ^ 3).x == 8)
assert((-vec(1)).x == -1 and vec(1) == vec(1) and vec(1) ~= vec(2) and vec(1) < vec(2) and vec(1) <= vec(1) and vec(3) > vec(2))
assert(vec(1) .. vec(2) == "<1,2>" and vec(1) .. "b" == "<1,b>" and "a" .. vec(1) == "<a,1>" and 1 .. vec(2) == "<1,2>")
assert("a" .. "b" .. vec(1) == "<a,<b,1>>" or "a" .. "b" .. vec(1) == "a<b,1>")
local one, two, three = vec(5)(6, 7)
assert(one == 5 and two == 6 and three == 7 and tostring(vec(9)) == "vec 9")

-- index and newindex
local log = {}
local proxy = setmetatable({}, {
  __index = function(t, k) log[#log + 1] = "get " .. tostring(k) return k end,
  __newindex = function(t, k, v) log[#log + 1] = "set " .. k rawset(t, k, v) end,
})
assert(proxy.a == "a")
proxy.a = 1
assert(proxy.a == 1 and proxy[2] == 2)
proxy.a = 2
assert(table.concat(log, ",") == "get a,set a,get 2")
local base = { v = 1 }
local mid = setmetatable({}, { __index = base, __newindex = base })
local top = setmetatable({}, { __index = mid, __newindex = mid })
assert(top.v == 1 and top.w == nil)
top.w = 5
assert(base.w == 5 and rawget(top, "w") == nil and rawget(mid, "w") == nil)
assert(rawequal(base, base) and not rawequal(vec(1), vec(1)) and rawget(proxy, "zz") == nil)
assert(rawset(base, "q", 1) == base and base.q == 1)

-- protection
local locked = setmetatable({}, { __metatable = "locked" })
assert(getmetatable(locked) == "locked" and not pcall(setmetatable, locked, {}))
local mt = {}
assert(getmetatable(setmetatable({}, mt)) == mt and getmetatable({}) == nil and getmetatable(setmetatable(setmetatable({}, mt), nil)) == nil)
assert(getmetatable(1) == nil and getmetatable(nil) == nil and getmetatable(print) == nil)
assert(not pcall(setmetatable, 1, {}) and not pcall(setmetatable, {}, 1) and not pcall(setmetatable, {}))

-- a method that is none
assert(not pcall(function() return {} + 1 end) and not pcall(function() return {} < {} end) and not pcall(function() return {} .. "x" end))
assert(not pcall(function() return ({})() end) and not pcall(function() local n = nil return n.x end) and not pcall(function() return #5 end))
assert(not pcall(function() local t = {} t[nil] = 1 end) and not pcall(function() local t = {} t[0 / 0] = 1 end))

-- __call through pcall, gsub, sort and coroutines
local callable = setmetatable({}, { __call = function(_, ...) return select("#", ...), ... end })
local ok, n, first = pcall(callable, "x", "y")
assert(ok and n == 2 and first == "x")
