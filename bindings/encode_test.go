package bindings_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"pgregory.net/rapid"
)

type sampleResult struct {
	ExitCode int       `lua:"exit_code"`
	Out      []byte    `lua:"out"`
	At       time.Time `lua:"at"`
	Next     *inner    `lua:"next"`
	untagged string
}

type inner struct {
	Names []string       `lua:"names"`
	Sizes map[string]int `lua:"sizes"`
}

type level uint8

func TestPlain(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 250_000_000, time.UTC)
	text := "x"
	for _, c := range []struct {
		name     string
		in, want any
	}{
		{"nothing", nil, nil},
		{"no pointer", (*int)(nil), nil},
		{"a pointer", &text, "x"},
		{"null", bindings.Null{}, bindings.Null{}},
		{"a number", int64(-7), -7.0},
		{"a named number", level(200), 200.0},
		{"a 32-bit number", float32(0.5), 0.5},
		{"bytes", []byte("\xff"), "\xff"},
		{"no bytes", []byte(nil), ""},
		{"seconds", 1500 * time.Millisecond, 1.5},
		{"a time", when, 1767323045.25},
		{"a time that no number of nanoseconds holds", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), 253402300799.0},
		{"a list", []string{"a"}, list{"a"}},
		{"an empty list stays a list", []string(nil), list{}},
		{"an array", [2]bool{true}, list{true, false}},
		{"a map", map[string]int{"a": 1}, table{"a": 1.0}},
		{"a map with named keys", map[named2]int{"a": 1}, table{"a": 1.0}},
		{"an empty map", map[string]int(nil), table{}},
		{"a result", sampleResult{ExitCode: 3, Out: []byte("o"), At: when, untagged: "u"}, table{"exit_code": 3.0, "out": "o", "at": 1767323045.25}},
		{"a result within", &sampleResult{Next: &inner{Names: []string{"n"}}, At: time.Unix(0, 0)}, table{
			"exit_code": 0.0, "out": "", "at": 0.0, "next": table{"names": list{"n"}, "sizes": table{}},
		}},
		{"any of them", []any{1, "x", nil, bindings.Null{}, map[string]any{"k": int8(1)}}, list{1.0, "x", nil, bindings.Null{}, table{"k": 1.0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := bindings.Plain(c.in)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, %v; want %#v", got, err, c.want)
			}
		})
	}
}

type named2 string

func TestPlainRefuses(t *testing.T) {
	for _, c := range []struct {
		in   any
		says string
	}{
		{make(chan int), "chan int cannot be a result"},
		{[]any{func() {}}, "func() cannot be a result"},
		{map[string]any{"a": complex(1, 1)}, "complex128 cannot be a result"},
		{struct {
			F func() `lua:"f"`
		}{func() {}}, "func() cannot be a result"},
		{bindings.Handle{Type: "x.Y"}, "a x.Y cannot travel here"},
		{map[int]string{1: "a"}, "map[int]string cannot be a result"},
	} {
		if got, err := bindings.Plain(c.in); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%T: got %v, %v; want %s", c.in, got, err, c.says)
		}
	}
}

func TestPlainValuesArePlainAlready(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := plainValues().Draw(t, "value")
		got, err := bindings.Plain(v)
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Fatalf("%#v became %#v, %v", v, got, err)
		}
	})
}

// TestWhatIsPlainComesBack holds plain and decode to each other: what a function returns, another can take.
func TestWhatIsPlainComesBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := sampleOptions{
			common: common{time.Duration(rapid.Int64Range(0, 1<<40).Draw(rt, "ms")) * time.Millisecond},
			Name:   rapid.String().Draw(rt, "name"), Retries: int(rapid.Int64Range(-(1<<53), 1<<53).Draw(rt, "retries")),
			Small: rapid.Int8().Draw(rt, "small"), Ratio: rapid.Float64().Draw(rt, "ratio"), Loud: rapid.Bool().Draw(rt, "loud"),
			Body: rapid.SliceOf(rapid.Byte()).Draw(rt, "body"), Argv: rapid.SliceOf(rapid.String()).Draw(rt, "argv"),
			Env: rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "env"), Any: plainValues().Draw(rt, "any"),
			Inner: innerOptions{Depth: int(rapid.Int32().Draw(rt, "depth"))},
		}
		plain, err := bindings.Plain(want)
		if err != nil {
			rt.Fatal(err)
		}
		var got sampleOptions
		_, err = callSample(t, func(_ context.Context, o sampleOptions) error { got = o; return nil }, plain)
		if math.Abs(float64(got.Timeout-want.Timeout)) < 1e6 { // seconds are a float64
			got.Timeout = want.Timeout
		}
		if err != nil || !reflect.DeepEqual(normal(got), normal(want)) {
			rt.Fatalf("%v\n%+v became\n%+v", err, want, got)
		}
	})
}

func TestResults(t *testing.T) {
	for _, c := range []struct {
		name string
		do   any
		want any
	}{
		{"only whether it went well", func(context.Context) error { return nil }, true},
		{"none", func(context.Context) (*inner, error) { return nil, nil }, nil},
		{"false", func(context.Context) (bool, error) { return false, nil }, false},
		{"any", func(context.Context) (any, error) { return []byte("x"), nil }, "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := callSample(t, c.do); got != c.want || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestErrorsHaveOneOfTwoShapes(t *testing.T) {
	cause := errors.New("disk full")
	for _, c := range []struct {
		name       string
		err        error
		code, says string
	}{
		{"a failure", bindings.Fail("gone", "%q is gone", "x"), "gone", `"x" is gone`},
		{"a failure within", fmt.Errorf("read it: %w", bindings.Fail("gone", "gone")), "gone", "read it: gone"},
		{"a failure that wraps", bindings.Fail("full", "write: %w", cause), "full", "write: disk full"},
		{"misuse", bindings.Misused("option %s: no", "x"), "misuse", "option x: no"},
		{"misuse within", fmt.Errorf("deep: %w", bindings.Misused("no")), "misuse", "no"},
		{"anything", cause, "failed", "disk full"},
		{"late", fmt.Errorf("ask: %w", context.DeadlineExceeded), "timeout", "ask: context deadline exceeded"},
		{"cancelled", context.Canceled, "cancelled", "context canceled"},
		{"unsupported", bindings.ErrUnsupported, "unsupported", "not supported on this machine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := callSample(t, func(context.Context) error { return c.err })
			if failure(err) != c.code || err.Error() != c.says {
				t.Errorf("got %v (%s), want %s: %s", err, failure(err), c.code, c.says)
			}
			if c.code != "misuse" && !errors.Is(err, c.err) {
				t.Error("the cause is lost")
			}
		})
	}
	if !errors.Is(bindings.Fail("full", "write: %w", cause), cause) {
		t.Error("Fail loses what it wraps")
	}
}
