package json

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

func module(t *testing.T) func(fn string, args ...any) (any, error) {
	set, err := bindings.Open(hosttest.New(t.TempDir()), []bindings.Binding{Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(fn string, args ...any) (any, error) {
		return set.Call(t.Context(), bindings.Call{Module: "json", Func: fn, Args: args})
	}
}

func TestJSON(t *testing.T) {
	call := module(t)
	for _, c := range []struct {
		name, fn string
		args     []any
		want     any
	}{
		{"an object", "decode", []any{`{"a":[1,null],"b":null}`}, map[string]any{"a": []any{1.0, bindings.Null{}}}},
		{"null", "decode", []any{`null`}, nil},
		{"an empty list", "decode", []any{`[]`}, []any{}},
		{"an empty table", "encode", []any{map[string]any{}}, "{}"},
		{"nil", "encode", nil, "null"},
		{"indented", "encode", []any{[]any{1.0}, map[string]any{"indent": 1.0}}, "[\n 1\n]"},
		{"not indented", "encode", []any{[]any{1.0}, map[string]any{"indent": 0.0}}, "[1]"},
		{"an unmarked empty list", "array", []any{map[string]any{}}, []any{}},
		{"a list", "array", []any{[]any{"a", bindings.Null{}}}, []any{"a", bindings.Null{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := call(c.fn, c.args...)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, %v; want %#v", got, err, c.want)
			}
		})
	}
}

func TestJSONRefuses(t *testing.T) {
	call := module(t)
	for _, c := range []struct {
		name, fn string
		args     []any
		code     string // "" raises
		says     string
	}{
		{"not JSON", "decode", []any{"{"}, "syntax", "byte 1: unexpected end"},
		{"no text", "decode", nil, "", "string expected"},
		{"too long a text", "decode", []any{strings.Repeat(" ", maxBytes) + "1"}, "limit", "8388608 bytes"},
		{"too long a value", "encode", []any{strings.Repeat("x", maxBytes)}, "limit", "8388608 bytes"},
		{"bytes", "encode", []any{"\x80"}, "utf8", "value is not UTF-8"},
		{"too wide", "encode", []any{1.0, map[string]any{"indent": 9.0}}, "", "not between 0 and 8"},
		{"too narrow", "encode", []any{1.0, map[string]any{"indent": -1.0}}, "", "not between 0 and 8"},
		{"no such option", "encode", []any{1.0, map[string]any{"ident": 1.0}}, "", `did you mean "indent"?`},
		{"no list", "array", []any{map[string]any{"a": 1.0}}, "", "list expected"},
		{"nothing", "array", nil, "", "list expected"},
		{"a handle in it", "array", []any{[]any{map[string]any{"a": bindings.Ref{ID: 1}}}}, "", "value[1].a is a handle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := call(c.fn, c.args...)
			var failed *bindings.Error
			code := ""
			if errors.As(err, &failed) {
				code = failed.Code
			}
			if err == nil || code != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %.50v, %v (%s); want %s: %s", got, err, code, c.code, c.says)
			}
		})
	}
}
