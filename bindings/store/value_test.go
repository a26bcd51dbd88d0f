package store

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// anyValue draws plain values; strings are any bytes.
func anyValue() *rapid.Generator[any] {
	text := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) })
	number := rapid.Map(rapid.Float64(), func(n float64) any {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return 0.5
		}
		return n
	})
	scalar := rapid.OneOf(number, rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.IntRange(-1<<53, 1<<53), func(n int) any { return float64(n) }))
	within := rapid.OneOf(scalar, rapid.Just[any](bindings.Null{}))
	for range 3 {
		inner := within
		within = rapid.OneOf(inner,
			rapid.Map(rapid.SliceOfN(inner, 0, 4), func(l []any) any { return append([]any{}, l...) }),
			rapid.Map(rapid.MapOfN(text, inner, 0, 4), func(m map[string]any) any { return m }))
	}
	return rapid.Map(within, func(v any) any {
		if v == any(bindings.Null{}) {
			return []any{v}
		}
		return v
	})
}

// expected is a value as it comes back: an object has no member for null.
func expected(v any) any {
	switch x := v.(type) {
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = expected(x[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, item := range x {
			if item != any(bindings.Null{}) {
				out[k] = expected(item)
			}
		}
		return out
	}
	return v
}

func TestWhatGoesInComesOut(t *testing.T) {
	r := newRole(t, New(), dataDir(t))
	form, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		v := anyValue().Draw(rt, "value")
		key := string(rapid.SliceOfN(rapid.Byte(), 1, maxKey).Draw(rt, "key"))
		if _, err := r.call("set", key, v); err != nil {
			rt.Fatal(err)
		}
		got, err := r.call("get", key)
		if err != nil || !reflect.DeepEqual(got, expected(v)) {
			rt.Fatalf("set %#v\n got %#v, %v", v, got, err)
		}
		first, _ := form.encode(v)
		if again, _ := form.encode(got); !hasNull(v) && !bytes.Equal(first, again) {
			rt.Fatalf("the same value has the bytes %x and %x", first, again)
		}
		if _, err := r.call("delete", key); err != nil {
			rt.Fatal(err)
		}
	})
}

func hasNull(v any) bool { return !reflect.DeepEqual(v, expected(v)) }

// FuzzDecode reads values that no store wrote: a file may come from foreign hands. What it takes, it gives as a plain
// value.
func FuzzDecode(f *testing.F) {
	for _, seed := range [][]byte{
		{0xf6},
		{0xff},
		{0x9f, 0xff},
		{0xc1, 0x00},
		{0x61, 0xff},
		{0xa1, 0x61, 'a', 0xf6},
		{0xa1, 0x01, 0x02},
		{0x41, 0x00},
		{0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0xf9, 0x7e, 0x00},
		bytes.Repeat([]byte{0x81}, 500),
		{0x9b, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	} {
		f.Add(seed)
	}
	form, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := form.decode(raw)
		if err != nil {
			return
		}
		if _, err := bindings.Plain(v); err != nil {
			t.Fatalf("%x gives %#v: %v", raw, v, err)
		}
	})
}
