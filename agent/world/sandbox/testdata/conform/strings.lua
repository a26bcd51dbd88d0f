-- The string library.
assert(#"abc" == 3 and ("abc"):len() == 3 and #"" == 0 and #"a\0b" == 3)
assert(("hello"):sub(2, 4) == "ell" and ("hello"):sub(-3) == "llo" and ("hello"):sub(0) == "hello")
assert(("hello"):sub(2, -2) == "ell" and ("hello"):sub(4, 2) == "" and ("hello"):sub(-100, 100) == "hello")
assert(("hello"):sub(10) == "" and ("hello"):sub("2", "3") == "el")
assert(("abc"):byte() == 97 and ("abc"):byte(-1) == 99 and select("#", ("abc"):byte(10)) == 0)
assert(select("#", ("abc"):byte(1, -1)) == 3 and select("#", (""):byte(1, -1)) == 0)
assert(string.char() == "" and string.char(72, 105) == "Hi" and string.char("72") == "H")
assert(("ab"):rep(3) == "ababab" and ("ab"):rep(0) == "" and ("ab"):rep(-1) == "" and (""):rep(5) == "")
assert(("abc"):reverse() == "cba" and ("aBc1"):upper() == "ABC1" and ("aBc1"):lower() == "abc1")
assert(("\228"):upper() == "\228")

-- find
local function f(...) return table.concat({ ... }, ",") end
assert(f(("hello world"):find("o w")) == "5,7")
assert(f(("hello"):find("l")) == "3,3" and ("hello"):find("z") == nil)
assert(f(("hello"):find("l", 4)) == "4,4" and f(("hello"):find("l", -1)) == "" and ("hello"):find("l", -1) == nil)
assert(f(("hello"):find("")) == "1,0" and f(("hello"):find("", 10)) == "6,5" and f((""):find("")) == "1,0")
assert(f(("a.b"):find(".", 1, true)) == "2,2" and f(("a.b"):find("%.")) == "2,2")
assert(f(("key=val"):find("(%w+)=(%w+)")) == "1,7,key,val")
assert(f(("hello"):find("()ll()")) == "3,4,3,5")
assert(f(("a)b"):find(")")) == "2,2") -- no magic: taken literally

-- match
assert(("2024-05-06"):match("(%d+)-(%d+)-(%d+)") == "2024")
assert(select(3, ("2024-05-06"):match("(%d+)-(%d+)-(%d+)")) == "06")
assert(("  trim  "):match("^%s*(.-)%s*$") == "trim")
assert(("abc"):match("b()") == 3 and ("abc"):match("x") == nil)
assert(("[[x]]"):match("%[%[(.*)%]%]") == "x")
assert(("THE (quick) fox"):find("%((%a+)%)") == 5)
assert(("f(a(b)c)d"):match("%b()") == "(a(b)c)")
assert(("THE (quick) fox"):gsub("%f[%a]%a+", "X") == "X (X) X")
assert(("hello"):match("(h)(e)(l)") == "h")
assert(("aaa"):match("^(a-)$") == "aaa" and ("aXb"):match("%u") == "X")
assert(("say 'x' or \"y\""):match("(['\"])(.-)%1") == "'")

-- gmatch
local words = {}
for w in ("one two  three"):gmatch("%a+") do words[#words + 1] = w end
assert(table.concat(words, "|") == "one|two|three")
local pairs_ = {}
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do pairs_[#pairs_ + 1] = k .. v end
assert(table.concat(pairs_) == "a1b2")
local n = 0
for _ in ("abc"):gmatch("") do n = n + 1 end
assert(n == 4)
for p in ("ab"):gmatch("()") do n = n + p end
assert(n == 4 + 1 + 2 + 3)
for w in ("^a a"):gmatch("^a") do assert(w == "^a") end

-- gsub
local function g(...) return table.concat({ string.gsub(...) }, ",") end
assert(g("hello", "l", "L") == "heLLo,2" and g("hello", "l", "L", 1) == "heLlo,1" and g("hello", "l", "L", 0) == "hello,0")
assert(g("hello", "", "-") == "-h-e-l-l-o-,6" and g("", "", "-") == "-,1" and g("abc", "%w", "%0%0") == "aabbcc,3")
assert(g("abc", "(a)(b)", "%2%1") == "bac,1" and g("hello world", "%w+", "%%%0") == "%hello %world,2")
assert(g("$name is $age", "%$(%w+)", { name = "Bo", age = 3 }) == "Bo is 3,2")
assert(g("abc", "%w", function(c) if c == "b" then return "B" end end) == "aBc,3")
assert(g("abc", "%w", function(c) return false end) == "abc,3" and g("abc", "b", 7) == "a7c,1")
assert(g("abc", "^a", "x") == "xbc,1" and g("aaa", "^a", "x") == "xaa,1" and g("abc", "c$", "x") == "abx,1")
assert(g("abc", "()", "%1") == "1a2b3c4,4" and g("abc def", "(%w+)", "<%1>") == "<abc> <def>,2")
assert(g("a,b,,c", ",", ";") == "a;b;;c,3" and g("x", "x*", "-") == "--,2" or g("x", "x*", "-") == "-,1")
assert(not pcall(string.gsub, "x", "x", "%2") and not pcall(string.gsub, "x", "x", true))
assert(not pcall(string.gsub, "x", "x", function() return {} end))
assert(not pcall(string.find, "x", "[") and not pcall(string.find, "x", "%") and not pcall(string.rep))

-- format
assert(("%d %5d|%-5d|%05d|%+d"):format(1, 2, 3, 4, 5) == "1     2|3    |00004|+5")
assert(("%s %10s|%-10s|%.2s"):format("a", "b", "c", "def") == "a          b|c         |de")
assert(("%x %X %#x %o"):format(255, 255, 255, 8) == "ff FF 0xff 10")
assert(("%5.2f|%.0f|%e|%g"):format(3.14159, 2.5, 12345.678, 0.1) == " 3.14|2|1.234568e+04|0.1")
assert(("%g %g %g"):format(1e20, 100000, 1000000) == "1e+20 100000 1e+06")
assert(("%c%c"):format(72, 105) == "Hi" and ("%%"):format() == "%" and ("%i"):format(3.9) == "3")
assert(("%q"):format('a "b"\n\\') == '"a \\"b\\"\\\n\\\\"' and ("%q"):format("\0\r") == '"\\000\\r"')
assert(("%s %s"):format("x", 12) == "x 12" and ("%d"):format("10") == "10")
assert(not pcall(string.format, "%d") and not pcall(string.format, "%y", 1) and not pcall(string.format, "%d", "x"))
assert(not pcall(string.format, "%123d", 1) and not pcall(string.format, "%", 1))

-- comparison and coercion
assert("a" < "b" and "a" < "aa" and "" < "a" and "Z" < "a" and "a\0a" < "a\0b" and not ("a" < "a") and "a" <= "a")
assert("10" + 5 == 15 and "0x10" * 1 == 16 and "010" + 0 == 10 and -"2" == -2 and " 5 " + 0 == 5 and 10 .. "" == "10")
assert(1 .. 2 == "12" and "a" .. 1 .. "b" .. 2 == "a1b2")
assert(not pcall(function() return "x" + 1 end) and not pcall(function() return "a" .. nil end))
assert(not pcall(function() return "a" < 1 end) and "10" ~= 10)
