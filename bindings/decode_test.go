package bindings_test

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// common stands for options that several functions of a module share.
type common struct {
	Timeout time.Duration `lua:"timeout" default:"1.5"`
}

type sampleOptions struct {
	common
	Name    string            `lua:"name" default:"tern"`
	Retries int               `lua:"retries" default:"3"`
	Small   int8              `lua:"small"`
	Ratio   float64           `lua:"ratio"`
	Loud    bool              `lua:"loud" default:"true"`
	Body    []byte            `lua:"body"`
	Argv    []string          `lua:"argv"`
	Env     map[string]string `lua:"env"`
	Any     any               `lua:"any"`
	Limit   *int              `lua:"limit"`
	Inner   innerOptions      `lua:"inner"`
	hidden  string
}

type innerOptions struct {
	Depth int `lua:"depth" default:"1"`
}

func defaults() sampleOptions {
	return sampleOptions{
		common: common{Timeout: 1500 * time.Millisecond}, Name: "tern", Retries: 3, Loud: true, Inner: innerOptions{Depth: 1},
	}
}

// sample is a binding of one function, which gives what arrived to seen.
func sample(do any) bindings.Binding {
	return bindings.Binding{Name: "sample", Open: func(bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{Funcs: map[string]bindings.Func{"do": {Do: do}}}, nil
	}}
}

func callSample(t testing.TB, do any, args ...any) (any, error) {
	t.Helper()
	set, err := bindings.Open(nil, []bindings.Binding{sample(do)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return set.Call(t.Context(), bindings.Call{Module: "sample", Func: "do", Args: args})
}

func TestOptions(t *testing.T) {
	with := func(change func(*sampleOptions)) sampleOptions {
		want := defaults()
		change(&want)
		return want
	}
	seven := 7
	for _, c := range []struct {
		name string
		args []any
		want sampleOptions
	}{
		{"none", nil, defaults()},
		{"nil", list{nil}, defaults()},
		{"an empty table", list{table{}}, defaults()},
		{"an empty list, which Lua cannot tell from it", list{list{}}, defaults()},
		{"a default overridden", list{table{"name": "", "retries": 0.0, "loud": false, "timeout": 0.0}}, with(func(o *sampleOptions) {
			o.Name, o.Retries, o.Loud, o.Timeout = "", 0, false, 0
		})},
		{"every kind", list{table{
			"timeout": 0.25, "small": -128.0, "ratio": 0.5, "body": "\xff\x00", "argv": list{"a", "b"},
			"env": table{"A": "b"}, "any": table{"x": list{1.0}}, "limit": 7.0, "inner": table{"depth": 2.0},
		}}, with(func(o *sampleOptions) {
			o.Timeout, o.Small, o.Ratio, o.Body, o.Argv = 250*time.Millisecond, -128, 0.5, []byte("\xff\x00"), []string{"a", "b"}
			o.Env, o.Any, o.Limit, o.Inner = map[string]string{"A": "b"}, table{"x": list{1.0}}, &seven, innerOptions{Depth: 2}
		})},
		{"whole numbers as they travel", list{table{"retries": int64(9), "ratio": int64(2), "timeout": int64(3)}}, with(func(o *sampleOptions) {
			o.Retries, o.Ratio, o.Timeout = 9, 2, 3*time.Second
		})},
		{"null is nothing", list{table{"limit": bindings.Null{}}}, defaults()},
		{"an empty list for a map, and the reverse", list{table{"env": list{}, "argv": table{}}}, with(func(o *sampleOptions) {
			o.Env, o.Argv = map[string]string{}, []string{}
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got sampleOptions
			_, err := callSample(t, func(_ context.Context, o sampleOptions) error { got = o; return nil }, c.args...)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, c.want)
			}
		})
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		opts any
		want string
	}{
		{"unknown, near one", table{"timout": 1.0}, `unknown option "timout"; did you mean "timeout"?`},
		{"unknown, in capitals", table{"NAME": "x"}, `unknown option "NAME"; did you mean "name"?`},
		{"unknown, near none", table{"z": 1.0}, `unknown option "z"; known: any, argv, body, env, inner, limit, loud, name, ratio, retries, small, timeout`},
		{"a field without a tag", table{"hidden": "x"}, `unknown option "hidden"; `},
		{"unknown, within", table{"inner": table{"dept": 1.0}}, `unknown option "dept"; did you mean "depth"?`},
		{"no table", "x", "argument 1: table expected, got string"},
		{"a list", list{1.0}, "argument 1: table expected, got table"},
		{"text for a number", table{"retries": "3"}, "option retries: whole number expected, got string"},
		{"a fraction for a whole number", table{"retries": 0.5}, "option retries: whole number expected, got number"},
		{"no number for a whole number", table{"retries": math.NaN()}, "option retries: whole number expected, got number"},
		{"more than exact", table{"retries": 1e17}, "option retries: whole number expected, got number"},
		{"too large", table{"small": 128.0}, "option small: 128 is too large"},
		{"less than no time", table{"timeout": -1.0}, "option timeout: -1 seconds is out of range"},
		{"longer than time", table{"timeout": 1e10}, "option timeout: 1e+10 seconds is out of range"},
		{"no number of seconds", table{"timeout": math.NaN()}, "option timeout: number of seconds expected"},
		{"for ever", table{"timeout": math.Inf(1)}, "option timeout: +Inf seconds is out of range"},
		{"a number for text", table{"name": 1.0}, "option name: string expected, got number"},
		{"text for a switch", table{"loud": "yes"}, "option loud: boolean expected, got string"},
		{"a table for bytes", table{"body": table{}}, "option body: string expected, got table"},
		{"within a list", table{"argv": list{"a", 2.0}}, "option argv[2]: string expected, got number"},
		{"a table for a list", table{"argv": table{"a": "b"}}, "option argv: list expected, got table"},
		{"within a map", table{"env": table{"A": true}}, "option env.A: string expected, got boolean"},
		{"a list for a map", table{"env": list{"a"}}, "option env: table expected, got table"},
		{"null for text", table{"name": bindings.Null{}}, "option name: string expected, got null"},
		{"a function", table{"name": &function{}}, "option name: string expected, got function"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := callSample(t, func(context.Context, sampleOptions) error { return nil }, c.opts)
			if failure(err) != "misuse" || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v (%s)\nwant %s", err, failure(err), c.want)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	do := func(_ context.Context, n float64, s *string, fn *bindings.Callback) (string, error) {
		out := "no text"
		if s != nil {
			out = *s
		}
		if fn != nil {
			out += " and a function"
		}
		return out, nil
	}
	for _, c := range []struct {
		args []any
		want string
	}{
		{list{1.0}, "no text"},
		{list{1.0, "text"}, "text"},
		{list{1.0, nil, &function{}}, "no text and a function"},
		{list{1.0, bindings.Null{}, &function{}}, "no text and a function"},
	} {
		if got, err := callSample(t, do, c.args...); got != c.want || err != nil {
			t.Errorf("%v: %v, %v", c.args, got, err)
		}
	}
	for _, c := range []struct {
		args []any
		want string
	}{
		{nil, "argument 1: number expected, got nothing"},
		{list{"1"}, "argument 1: number expected, got string"},
		{list{1.0, 2.0}, "argument 2: string expected, got number"},
		{list{1.0, "text", "fn"}, "argument 3: function expected, got string"},
	} {
		if _, err := callSample(t, do, c.args...); failure(err) != "misuse" || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", c.args, err, c.want)
		}
	}
}

func TestAMapMayHaveNamedKeys(t *testing.T) {
	type header string
	got, err := callSample(t, func(_ context.Context, m map[header]int) (int, error) { return m["a"], nil }, table{"a": 7.0})
	if got != 7.0 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzOptions(f *testing.F) {
	for _, seed := range []string{
		`{"timeout": 1, "name": "x", "argv": ["a", null], "env": {"A": 1}, "inner": {}}`, `{"inner": []}`, `[]`, `null`, `{"small": 1e300}`,
		`{"limit": null, "timeout": 9.3e9}`, `{"": {}}`, `"x"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := bindings.JSON{MaxBytes: 1 << 16}.Decode([]byte(text))
		if err != nil {
			return
		}
		var got sampleOptions
		_, err = callSample(t, func(_ context.Context, o sampleOptions) error { got = o; return nil }, v)
		if err != nil {
			if failure(err) != "misuse" {
				t.Fatalf("%s: %v (%s)", text, err, failure(err))
			}
			return
		}
		if got.hidden != "" || got.Timeout < 0 {
			t.Fatalf("%s became %+v", text, got)
		}
		// What was taken is taken again, as it came out.
		plain, err := bindings.Plain(got)
		if err != nil {
			t.Fatal(err)
		}
		want := got
		if _, err := callSample(t, func(_ context.Context, o sampleOptions) error { got = o; return nil }, plain); err != nil {
			t.Fatalf("%s, again: %v", text, err)
		}
		if !reflect.DeepEqual(normal(got), normal(want)) {
			t.Fatalf("%s became %+v, and that %+v", text, want, got)
		}
	})
}

// normal forgets the difference between a list or map that is empty and one that is not there.
func normal(o sampleOptions) sampleOptions {
	if len(o.Argv) == 0 {
		o.Argv = nil
	}
	if len(o.Env) == 0 {
		o.Env = nil
	}
	if len(o.Body) == 0 {
		o.Body = nil
	}
	return o
}
