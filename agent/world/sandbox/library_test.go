package sandbox

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// drawer draws calls of the libraries, with arguments near the edges. It leaves out what FormatNumber does differently
// on purpose: integers past 14 digits, and -0.
type drawer struct{ *rand.Rand }

func (d drawer) pick(list ...string) string { return list[d.IntN(len(list))] }

func (d drawer) str() string {
	return d.pick(`""`, `"a"`, `"abc"`, `"hello world"`, `"a.b-c%d"`, `"  12  "`, `"x=1, y=2"`, `"\0\1\255"`, `"ABC abc 123"`, `"aaa"`, `"f(a(b)c)"`, `("ab"):rep(20)`)
}

func (d drawer) integer() string {
	return fmt.Sprint([]int{0, 1, -1, 2, 3, -2, 5, 10, -10, 100, 255, -255, 1000, 65536, 2147483647, -2147483648}[d.IntN(16)])
}

func (d drawer) number() string {
	return d.pick(d.integer(), d.integer(), "0.5", "-1.5", "3.14159265358979", "1e10", "1e-10", "123456.789", "1e100", "-2.5e-7", "0.1 + 0.2", "1 / 3", "1e13", "99999.95", "2.5", "1 / 0", "-1 / 0")
}

func (d drawer) pattern() string {
	return d.pick(`"a"`, `"."`, `"%a+"`, `"%d*"`, `"(%w+)=(%w+)"`, `"^%s*(.-)%s*$"`, `"()"`, `"[^%s]+"`, `"b-"`, `"%b()"`, `"%f[%w]%w+"`, `"(a)(b?)"`, `""`, `"^a"`, `"c$"`, `"%z"`, `"[a-c]+"`, `"%."`, `"(.)%1"`, `"o w"`)
}

func (d drawer) replacement() string {
	return d.pick(`""`, `"x"`, `"<%0>"`, `"%1%1"`, `"%%"`, `{ a = "A", abc = 1, hello = false }`, `function(c) return c and tostring(c):upper() end`, `function() return nil end`, `function(a, b) return b end`, `5`)
}

func (d drawer) format() (string, string) {
	flags := d.pick("", "", "-", "0", "+", " ", "#", "-0", "+0", "- ", "#0")
	width := d.pick("", "", "1", "5", "12", "20")
	precision := d.pick("", "", ".0", ".1", ".3", ".10", ".")
	verb := d.pick("d", "i", "u", "x", "X", "o", "c", "e", "E", "f", "g", "G", "s", "q")
	switch verb {
	case "d", "i":
		return flags + width + precision + verb, d.integer()
	case "u", "x", "X", "o":
		return flags + width + precision + verb, strings.TrimPrefix(d.integer(), "-")
	case "c":
		return d.pick("", "-") + width + verb, fmt.Sprint(1 + d.IntN(255))
	case "s":
		return d.pick("", "-") + width + precision + verb, strings.ReplaceAll(d.str(), `\0`, "") // ends it in C
	case "q":
		return verb, d.str()
	}
	return flags + width + precision + verb, d.number()
}

func (d drawer) call() string {
	switch d.IntN(20) {
	case 0, 1, 2, 3, 4:
		format, arg := d.format()
		return fmt.Sprintf(`string.format, "<%%%s>", %s`, format, arg)
	case 5:
		return fmt.Sprintf("string.sub, %s, %s, %s", d.str(), d.integer(), d.integer())
	case 6:
		return fmt.Sprintf("string.byte, %s, %s, %s", d.str(), d.integer(), d.integer())
	case 7:
		return fmt.Sprintf("string.find, %s, %s, %s, %s", d.str(), d.pattern(), d.integer(), d.pick("nil", "false", "true"))
	case 8:
		return fmt.Sprintf("string.match, %s, %s, %s", d.str(), d.pattern(), d.integer())
	case 9, 10:
		return fmt.Sprintf("string.gsub, %s, %s, %s", d.str(), d.pattern(), d.replacement()) + d.pick("", "", ", 1", ", 0", ", -1", ", 2")
	case 11:
		return fmt.Sprintf("every, %s, %s", d.str(), d.pattern())
	case 12:
		return fmt.Sprintf("tostring, %s", d.number())
	case 13:
		return fmt.Sprintf("tonumber, %s", d.pick(`"10"`, `" 0x1F "`, `"1e5"`, `"1e"`, `"- 1"`, `"+5"`, `"--5"`, `".5"`, `"5."`, `"."`, `""`, `" "`, `"1 2"`, `"0x"`, `"1_0"`, `"010"`, `"1e400"`, `"0x1g"`, d.number(), d.str()))
	case 14:
		return fmt.Sprintf("tonumber, %s, %s", d.pick(`"10"`, `"ff"`, `"FF"`, `"zz"`, `"8"`, `" 11 "`, `""`, `"1.5"`, `"0x1f"`, "10"), d.pick("2", "8", "10", "16", "36", "1", "37"))
	case 15:
		return fmt.Sprintf("table.concat, { %s, %s, %s }, %s, %s, %s", d.str(), d.number(), d.str(), d.str(), d.pick("1", "2", "3", "nil"), d.pick("1", "2", "3", "nil"))
	case 16:
		return fmt.Sprintf("list, %s, { 1, 2, 3, 4, 5 }, %s", d.pick("table.insert", "table.remove"), d.pick("1", "3", "5", "6", "nil", "2, 9", "6, 9", "1, 9"))
	case 17:
		return fmt.Sprintf("math.%s, %s", d.pick("floor", "ceil", "abs", "frexp", "modf", "max", "min", "deg", "rad"), d.pick("0.5", "-1.5", "3.7", "-3.2", "100", "1e10"))
	case 18:
		return fmt.Sprintf("math.%s, %s, %s", d.pick("fmod", "pow", "atan2", "max", "min", "ldexp"), d.pick("0.5", "-7", "10", "3"), d.pick("2", "3", "-2", "4"))
	default:
		return fmt.Sprintf(`os.date, "!%%%s", %d`, d.pick("a", "A", "b", "B", "c", "d", "D", "e", "F", "H", "I", "j", "m", "M", "n", "p", "r", "R", "S", "t", "T", "U", "w", "W", "x", "X", "y", "Y", "%%"), d.IntN(2_000_000_000))
	}
}

// libraryScript has C, which notes what a call gives: the words of errors, and addresses, are each implementation's own.
const libraryScript = `local out = {}
local function every(s, p) local t = {} for a, b in s:gmatch(p) do t[#t + 1] = tostring(a) .. tostring(b) end return table.concat(t, "|") end
local function list(f, t, ...) return f(t, ...), table.concat(t, ",") end
local function show(v) return type(v) .. ":" .. (tostring(v):gsub("[^ -~]", function(c) return "\\" .. c:byte() end)) end
local function C(f, ...)
  local n, r = (function(...) return select("#", ...), { ... } end)(pcall(f, ...))
  if not r[1] then out[#out + 1] = "error" return end
  for i = 2, n do r[i] = show(r[i]) end
  out[#out + 1] = table.concat(r, " ", 2, n)
end
`

// TestLibraryAgainstReference compares drawn calls with the reference implementation.
func TestLibraryAgainstReference(t *testing.T) {
	const chunks, calls = 20, 400
	d := drawer{rand.New(rand.NewPCG(77, 3))}
	for range chunks {
		var source bytes.Buffer
		source.WriteString(libraryScript)
		lines := make([]string, calls)
		for i := range lines {
			lines[i] = d.call()
			fmt.Fprintf(&source, "C(%s)\n", lines[i])
		}
		source.WriteString(`return table.concat(out, "\n")`)
		cmd := exec.CommandContext(t.Context(), lua51(t), "-e", `io.write(loadstring(io.read("*a"))())`)
		cmd.Stdin = bytes.NewReader(source.Bytes())
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(string(out), "\n")
		got := strings.Split(eval(t, source.String())[0], "\n")
		if len(got) != calls || len(want) != calls {
			t.Fatalf("%d answers and %d, want %d", len(got), len(want), calls)
		}
		for i, line := range lines {
			if got[i] != want[i] {
				t.Errorf("%s\ngot  %s\nwant %s", line, got[i], want[i])
			}
		}
	}
}
