package bindings_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"pgregory.net/rapid"
)

type (
	list  = []any
	table = map[string]any
)

func TestJSONEncode(t *testing.T) {
	for _, c := range []struct {
		name   string
		indent int
		in     any
		want   string
	}{
		{"nothing", 0, nil, "null"},
		{"null", 0, bindings.Null{}, "null"},
		{"an empty table is an object", 0, table{}, "{}"},
		{"an empty list", 0, list{}, "[]"},
		{"members are sorted", 0, table{"b": 1.0, "a": true, "c": nil}, `{"a":true,"b":1,"c":null}`},
		{"null holds a place", 0, list{1.0, bindings.Null{}, nil}, "[1,null,null]"},
		{"whole numbers have no point", 0, list{1e15, -3.0, 0.25, 1e21, int64(7), 8}, "[1000000000000000,-3,0.25,1e+21,7,8]"},
		{"text is not made safe for HTML", 0, "<a>&é\"\\\n", `"<a>&é\"\\\n"`},
		{"indented", 2, table{"a": list{1.0}}, "{\n  \"a\": [\n    1\n  ]\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := bindings.JSON{MaxBytes: 100, Indent: c.indent}.Encode(c.in)
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestJSONEncodeRefuses(t *testing.T) {
	deep := any("bottom")
	for range bindings.MaxJSONDepth + 1 {
		deep = list{deep}
	}
	for _, c := range []struct {
		name       string
		max        int
		in         any
		code, says string
	}{
		{"no number", 99, table{"list": list{1.0, math.NaN()}}, "misuse", "value.list[2] is NaN"},
		{"no end", 99, math.Inf(-1), "misuse", "value is -Inf"},
		{"a handle", 99, table{"a b": bindings.Ref{ID: 1, Type: "x.Y"}}, "misuse", `value["a b"] is a handle`},
		{"bytes", 99, table{"x1": "\xff"}, "utf8", "value.x1 is not UTF-8"},
		{"a name of bytes", 99, table{"\xff": 1.0}, "utf8", "value is not UTF-8"},
		{"too deep", 9999, deep, "limit", "100 levels"},
		{"too many", 1 << 30, make(list, bindings.MaxJSONValues+1), "limit", "values"},
		{"too long", 20, "12345678901234567890", "limit", "more than 20 bytes"},
		{"too long by what is escaped", 20, strings.Repeat("\n", 15), "limit", "more than 20 bytes"},
		{"too many names", 20, table{"1234567890": 1.0, "0987654321": 1.0}, "limit", "more than 20 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := bindings.JSON{MaxBytes: c.max}.Encode(c.in)
			if got != nil || failure(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %.50s, %v (%s); want %s: %s", got, err, failure(err), c.code, c.says)
			}
		})
	}
}

func TestJSONIndentIsCountedBeforeItIsWritten(t *testing.T) {
	// A little data, deep enough, would become two hundred times its size.
	in := any(make(list, 1000))
	for range bindings.MaxJSONDepth - 1 {
		in = list{in}
	}
	j := bindings.JSON{MaxBytes: 100_000, Indent: 8}
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := j.Encode(in); failure(err) != "limit" {
			t.Errorf("got %v", err)
		}
	})
	if allocated > 1000 {
		t.Errorf("%v allocations to find out that it is too much", allocated)
	}
}

func TestJSONDecode(t *testing.T) {
	for _, c := range []struct{ name, in, code, says string }{
		{"not JSON", `{"a":x}`, "syntax", "byte 6: invalid character 'x'"},
		{"cut short", `{"a":`, "syntax", "byte 5: unexpected end of JSON input"},
		{"nothing", "", "syntax", "byte 0: unexpected end"},
		{"more than one", "1 2", "syntax", "byte 3"},
		{"too large a number", `[1e400]`, "syntax", "byte 2: 1e400 is out of range"},
		{"not UTF-8", "\"é\xff\"", "syntax", "byte 4: not UTF-8"},
		{"too deep", strings.Repeat("[", 101), "limit", "byte 101: nested deeper than 100 levels"},
		{"too many", "[" + strings.Repeat("0,", bindings.MaxJSONValues) + "0]", "limit", "values"},
		{"too long", `"` + strings.Repeat("x", 1<<20) + `"`, "limit", "more than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := bindings.JSON{MaxBytes: 1 << 20}.Decode([]byte(c.in))
			if v != nil || failure(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v (%s); want %s: %s", v, err, failure(err), c.code, c.says)
			}
		})
	}
	for _, c := range []struct {
		name, in string
		want     any
	}{
		{"null alone is nothing", " null ", nil},
		{"null in a list", `[null,[null]]`, list{bindings.Null{}, list{bindings.Null{}}}},
		{"null as a member", `{"a":null,"b":[{"c":null}]}`, table{"b": list{table{}}}},
		{"brackets in text are text", `"[\"[[\\"`, `["[[\`},
		{"the last of two members", `{"a":1,"a":2}`, table{"a": 2.0}},
		{"as near as a float64 comes", `9007199254740993`, 9007199254740992.0},
		{"half a surrogate pair", `"\ud83d"`, "\ufffd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := bindings.JSON{MaxBytes: 1 << 20}.Decode([]byte(c.in))
			if err != nil || !reflect.DeepEqual(v, c.want) {
				t.Errorf("got %#v, %v; want %#v", v, err, c.want)
			}
		})
	}
}

func TestJSONLossy(t *testing.T) {
	j := bindings.JSON{MaxBytes: 99, Lossy: true}
	text, err := j.Encode("a\xffb")
	if err != nil || string(text) != `"a\ufffdb"` {
		t.Errorf("encode: %s, %v", text, err)
	}
	v, err := j.Decode([]byte("\"a\xffb\""))
	if err != nil || v != "a\ufffdb" {
		t.Errorf("decode: %q, %v", v, err)
	}
}

// plainValues draws what roles can send: plain values without nil inside.
func plainValues() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just(any(bindings.Null{})),
		rapid.Bool().AsAny(),
		rapid.Float64Range(-1e300, 1e300).AsAny(),
		rapid.String().AsAny(),
	)
	var value *rapid.Generator[any]
	value = rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3).Draw(t, "list")
		case 1:
			return rapid.MapOfN(rapid.String(), rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3).Draw(t, "table")
		}
		return leaf.Draw(t, "leaf")
	})
	return value
}

// withoutNulls is what a value is once it went through JSON: an object has no member for null.
func withoutNulls(v any) any {
	switch x := v.(type) {
	case []any:
		out := make(list, len(x))
		for i, item := range x {
			out[i] = withoutNulls(item)
		}
		return out
	case map[string]any:
		out := table{}
		for key, item := range x {
			if item != (bindings.Null{}) {
				out[key] = withoutNulls(item)
			}
		}
		return out
	}
	return v
}

func TestJSONGivesBackWhatItTook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := plainValues().Draw(t, "value")
		j := bindings.JSON{MaxBytes: 1 << 20, Indent: rapid.IntRange(0, 8).Draw(t, "indent")}
		text, err := j.Encode(in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := j.Decode(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := withoutNulls(in)
		if want == (bindings.Null{}) {
			want = nil
		}
		if !reflect.DeepEqual(out, want) {
			t.Fatalf("%#v became %s became %#v", in, text, out)
		}
	})
}

func FuzzJSONDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,null,{"b":"\u00e9"}]}`, `[[[[`, `"\`, `{"a":1e999}`, "\xff", `[1,]`, `null`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		j := bindings.JSON{MaxBytes: 1 << 16}
		v, err := j.Decode([]byte(text))
		if err != nil {
			if code := failure(err); code != "syntax" && code != "limit" {
				t.Fatalf("%v has the code %s", err, code)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("took %q", text)
		}
		again, err := bindings.JSON{MaxBytes: 1 << 20}.Encode(v)
		if err != nil {
			t.Fatalf("%q gave %#v, which cannot be written: %v", text, v, err)
		}
		back, err := bindings.JSON{MaxBytes: 1 << 20}.Decode(again)
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%q, then %s: %#v, %v", text, again, back, err)
		}
	})
}
