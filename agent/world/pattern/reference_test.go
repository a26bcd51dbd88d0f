package pattern

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// referenceScript reads pairs of subject and pattern in hexadecimal from its input, and writes what string.find of
// the reference implementation makes of each: "error", "none", or the start, the end and the captures.
const referenceScript = `
local function text(hex) return (hex:gsub("..", function(h) return string.char(tonumber(h, 16)) end)) end
for line in io.lines() do
  local subject, pattern = line:match("^(%x*) (%x*)$")
  local r = { pcall(string.find, text(subject), text(pattern)) }
  if not r[1] then print("error")
  elseif not r[2] then print("none")
  else
    for i = 4, #r do
      if type(r[i]) == "string" then r[i] = "'" .. r[i]:gsub(".", function(c) return ("%02x"):format(c:byte()) end) end
    end
    print(table.concat(r, " ", 2))
  end
end`

// reference runs a script with the reference implementation, Debian's lua5.1, and gives the lines that it prints.
func reference(t *testing.T, script string, input io.Reader) []string {
	t.Helper()
	path, err := exec.LookPath("lua5.1")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("lua5.1 is missing: the project's CI must install it")
		}
		t.Skip("SKIPPED: no lua5.1 here, so patterns are not compared with the reference")
	}
	cmd := exec.Command(path, "-e", script)
	cmd.Stdin = input
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// ours says the same as referenceScript.
func ours(subject, text string) (answer string, malformed bool) {
	p, err := Compile(text)
	if err != nil {
		return "error", true
	}
	m := p.On(subject, Budget{Steps: 1 << 24})
	start, end, err := m.Find(0)
	switch {
	case err != nil:
		return err.Error(), false
	case start < 0:
		return "none", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d", start+1, end)
	for i := range p.Captures() {
		if from, to, position := m.Capture(i); position {
			fmt.Fprintf(&b, " %d", from+1)
		} else {
			fmt.Fprintf(&b, " '%x", subject[from:to])
		}
	}
	return b.String(), false
}

var atoms = []string{
	"a", "b", "c", ".", "%a", "%d", "%s", "%w", "%p", "%A", "%x", "%u", "%l", "%c", "[ab]", "[^a]", "[a-c]", "[%d_]",
	"[^%s%p]", "%%", "%.", "(", ")", "(", ")", "()", "%b()", "%bab", "%baa", "%f[%w]", "%f[^a]", "%1", "%2", "^", "$", "-", "1", " ",
	"]", "[]]", "[^]]", "[a-]", "[]-a]", "[%a-z]", "[a-%%]", "%", "[", "x", "%g", "%]",
}

var pieces = []string{"a", "b", "c", "1", "2", " ", "(", ")", "_", ".", "ab", "aa", "]", "-", "\x80", "\xff", "\n", "%", "A", "$", "^"}

// draw strings up to n of the choices together.
func draw(r *rand.Rand, n int, choices []string) string {
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteString(choices[r.IntN(len(choices))])
		if len(choices) == len(atoms) {
			b.WriteString([]string{"", "", "", "*", "+", "-", "?"}[r.IntN(7)])
		}
	}
	return b.String()
}

// TestAgainstReference compares thousands of drawn patterns and subjects with the reference implementation.
func TestAgainstReference(t *testing.T) {
	const cases = 60_000
	r := rand.New(rand.NewPCG(5, 1))
	var input bytes.Buffer
	drawn := make([][2]string, 0, cases)
	for len(drawn) < cases {
		subject, text := draw(r, 14, pieces), draw(r, 7, atoms)
		if !strings.ContainsAny(text, "^$*+?.([%-") {
			continue // string.find takes these literally, which is not this package's business
		}
		drawn = append(drawn, [2]string{subject, text})
		fmt.Fprintf(&input, "%x %x\n", subject, text)
	}
	want := reference(t, referenceScript, &input)
	if len(want) != cases {
		t.Fatalf("the reference answered %d of %d", len(want), cases)
	}
	matched := 0
	for i, c := range drawn {
		got, malformed := ours(c[0], c[1])
		// The reference notices a fault in a pattern only when it gets there.
		if got != want[i] && !(malformed && want[i] == "none") {
			t.Errorf("find(%q, %q) = %q, the reference says %q", c[0], c[1], got, want[i])
		}
		if want[i] != "none" && want[i] != "error" {
			matched++
		}
	}
	if matched < cases/10 {
		t.Errorf("only %d of %d drawn cases match at all: the draw proves little", matched, cases)
	}
}

// TestClassesAgainstReference compares every class with every byte.
func TestClassesAgainstReference(t *testing.T) {
	const script = `for class = 33, 126 do
  local c, hits = string.char(class), {}
  if not c:find("[bf0-9]") then
    for byte = 0, 255 do if string.char(byte):find("%" .. c) then hits[#hits + 1] = byte end end
    print(c .. " [" .. table.concat(hits, " ") .. "]")
  end
end`
	want := reference(t, script, nil)
	for class := byte('!'); class <= '~'; class++ {
		if class == 'b' || class == 'f' || isDigit(class) {
			continue
		}
		hits := []int{}
		for b := range 256 {
			if inClass(byte(b), class) {
				hits = append(hits, b)
			}
		}
		if got := fmt.Sprintf("%c %v", class, hits); got != want[0] {
			t.Errorf("got  %s\nwant %s", got, want[0])
		}
		want = want[1:]
	}
}
