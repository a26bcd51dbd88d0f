package store

import "testing"

func BenchmarkSet(b *testing.B) {
	r := newRole(b, New(), dataDir(b))
	for i := 0; b.Loop(); i++ {
		r.must("set", "k", float64(i))
	}
}

func BenchmarkGet(b *testing.B) {
	r := newRole(b, New(), dataDir(b))
	r.must("set", "k", map[string]any{"n": 1.0, "list": []any{"a", "b"}})
	for b.Loop() {
		r.must("get", "k")
	}
}
