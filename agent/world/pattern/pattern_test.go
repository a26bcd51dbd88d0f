package pattern

import (
	"errors"
	"strings"
	"testing"
)

// plenty is a budget that no honest match in these tests comes near.
var plenty = Budget{Steps: 1 << 30}

// find is string.find as Lua would report it, without the captures' conversion.
func find(t *testing.T, subject, text string, b Budget) (start, end int, err error) {
	t.Helper()
	p, err := Compile(text)
	if err != nil {
		return -1, -1, err
	}
	return p.On(subject, b).Find(0)
}

func TestFind(t *testing.T) {
	tests := []struct {
		subject, pattern string
		start, end       int
	}{
		{"", "", 0, 0},
		{"hello", "l+", 2, 4},
		{"hello", "xyz", -1, -1},
		{"hello", "^h", 0, 1},
		{"hello", "^e", -1, -1},
		{"a^b", "a^b", 0, 3},
		{"a$b", "a$b", 0, 3},
		{"key = value", "^(%w+)%s*=%s*(%w+)$", 0, 11},
		{"THE (quick) fox", "%((%a+)%)", 4, 11},
		{"f(a(b)c)d", "%b()", 1, 8},
		{"((", "%b()", -1, -1},
		{"xax", "%bxx", 0, 3},
		{"THE (quick) fox", "%f[%a]%a+%f[%A]", 0, 3},
		{"hello hello", "(%a+) %1", 0, 11},
		{"aaab", "a-b", 0, 4},
		{"aaa", "a-", 0, 0},
		{"ab", "a?b?c?", 0, 2},
		{"]-^", "[]^-]+", 0, 3},
		{"x]", "[^]]", 0, 1},
		{"a-z", "[a-]+", 0, 2},
		{"\x00x", "%z", 0, 1},
		{"\xff", "%a", -1, -1},
		{"\xff", "%A", 0, 1},
		{"a.b", "%.", 1, 2},
		{"()", "%(%)", 0, 2},
		{"*", "()*", 0, 1},
	}
	for _, tt := range tests {
		start, end, err := find(t, tt.subject, tt.pattern, plenty)
		if start < 0 {
			end = -1
		}
		if err != nil || start != tt.start || end != tt.end {
			t.Errorf("find(%q, %q) = %d, %d, %v; want %d, %d", tt.subject, tt.pattern, start, end, err, tt.start, tt.end)
		}
	}
}

func TestCaptures(t *testing.T) {
	p, err := Compile("(a(b*)())(%d+)")
	if err != nil {
		t.Fatal(err)
	}
	m := p.On("xabb12", plenty)
	if start, end, err := m.Find(0); start != 1 || end != 6 || err != nil {
		t.Fatalf("Find = %d, %d, %v", start, end, err)
	}
	want := []struct {
		from, to int
		position bool
	}{{1, 4, false}, {2, 4, false}, {4, 4, true}, {4, 6, false}}
	if p.Captures() != len(want) {
		t.Fatalf("Captures = %d, want %d", p.Captures(), len(want))
	}
	for i, w := range want {
		if from, to, position := m.Capture(i); from != w.from || to != w.to || position != w.position {
			t.Errorf("Capture(%d) = %d, %d, %v; want %v", i, from, to, position, w)
		}
	}
}

// A capture that was set on the way to a dead end must not survive in the match that is found after it.
func TestCapturesAfterBacktracking(t *testing.T) {
	p, err := Compile("(a*)(a)(b?)a")
	if err != nil {
		t.Fatal(err)
	}
	m := p.On("aaaa", plenty)
	if _, end, err := m.Find(0); end != 4 || err != nil {
		t.Fatalf("end = %d, %v", end, err)
	}
	for i, want := range []string{"aa", "a", ""} {
		if from, to, _ := m.Capture(i); "aaaa"[from:to] != want {
			t.Errorf("Capture(%d) = %q, want %q", i, "aaaa"[from:to], want)
		}
	}
}

func TestMalformed(t *testing.T) {
	tests := []struct {
		pattern string
		want    error
	}{
		{"%", ErrEndsEscape},
		{"abc%", ErrEndsEscape},
		{"[", ErrBracket},
		{"[^", ErrBracket},
		{"[]", ErrBracket},
		{"[%", ErrBracket},
		{"[%]", ErrBracket},
		{"[a-", ErrBracket},
		{"%f", ErrFrontier},
		{"%fa", ErrFrontier},
		{"%f[", ErrBracket},
		{"%b", ErrBalance},
		{"%bx", ErrBalance},
		{")", ErrCapture},
		{"(()", ErrUnfinished},
		{"(", ErrUnfinished},
		{"%1", ErrIndex},
		{"%0", ErrIndex},
		{"(a%1)", ErrIndex},
		{"(a)%2", ErrIndex},
		{strings.Repeat("()", MaxCaptures+1), ErrCaptures},
		{strings.Repeat("a", MaxBytes+1), ErrTooLong},
	}
	for _, tt := range tests {
		if _, err := Compile(tt.pattern); !errors.Is(err, tt.want) {
			t.Errorf("Compile(%.20q) = %v, want %v", tt.pattern, err, tt.want)
		}
	}
}

// bombs are patterns that take exponential or cubic time to fail.
var bombs = []struct{ subject, pattern string }{
	{strings.Repeat("a", 400), strings.Repeat(".-", 8) + "b"},
	{strings.Repeat("a", 4000), strings.Repeat("a*", 12) + "b"},
	{strings.Repeat("a", 30), strings.Repeat("a?", 30) + strings.Repeat("a", 30) + "b"},
	{strings.Repeat("(", 1<<20), "%b()"},
	{strings.Repeat("x", 1<<15), "(.-)%1y"},
	{strings.Repeat("ab", 1<<15), "([ab]*)([ab]*)([ab]*)c"},
}

func TestBudgetEndsBombs(t *testing.T) {
	for _, b := range bombs {
		if _, _, err := find(t, b.subject, b.pattern, Budget{Steps: 1 << 18}); !errors.Is(err, ErrBudget) {
			t.Errorf("find(%.10q..., %.20q) = %v, want %v", b.subject, b.pattern, err, ErrBudget)
		}
	}
}

func TestCheckEndsBombs(t *testing.T) {
	stop := errors.New("stop")
	for _, b := range bombs {
		calls := 0
		budget := Budget{Steps: 1 << 40, Check: func() error {
			if calls++; calls == 3 {
				return stop
			}
			return nil
		}}
		if _, _, err := find(t, b.subject, b.pattern, budget); !errors.Is(err, stop) {
			t.Errorf("find(%.10q..., %.20q) = %v, want %v", b.subject, b.pattern, err, stop)
		}
	}
}

// The reference recurses for each byte in some of these, and gopher-lua's own matcher in most.
func TestLongSubjectCostsNoMemory(t *testing.T) {
	subject := strings.Repeat("x", 1<<20)
	for _, text := range []string{"^(.*)$", ".-$", "(x*)y?$", "[x]+$", "%w-$", "^((((.*))))$"} {
		p, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		m := p.On(subject, plenty)
		allocs := testing.AllocsPerRun(1, func() {
			if _, end, err := m.Find(0); end != len(subject) || err != nil {
				t.Errorf("find(%q) ends at %d, %v", text, end, err)
			}
		})
		if allocs > 8 {
			t.Errorf("find(%q) makes %v allocations", text, allocs)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range [][2]string{{"hello", "(l+)%1"}, {"f(x)", "%b()"}, {"a]b", "[^]%w-z]*"}, {"", "%f[%w]"}} {
		f.Add(seed[0], seed[1])
	}
	for _, b := range bombs {
		f.Add(b.subject, b.pattern)
	}
	f.Fuzz(func(t *testing.T, subject, text string) {
		p, err := Compile(text)
		if err != nil {
			return
		}
		m := p.On(subject, Budget{Steps: 1 << 16})
		start, end, err := m.Find(0)
		if err != nil || start < 0 {
			return
		}
		if start > end || end > len(subject) {
			t.Fatalf("match %d..%d of %d bytes", start, end, len(subject))
		}
		for i := range p.Captures() {
			if from, to, _ := m.Capture(i); from > to || from < start || to > end {
				t.Fatalf("capture %d is %d..%d in a match %d..%d", i, from, to, start, end)
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	subject := strings.Repeat("some words and 12345 numbers; ", 100) + "key = value"
	for _, text := range []string{"(%w+) = (%w+)", "[^;]*$", "value"} {
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				p, _ := Compile(text)
				if _, end, _ := p.On(subject, plenty).Find(0); end < 0 {
					b.Fatal("no match")
				}
			}
		})
	}
}
