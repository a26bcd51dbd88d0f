package process

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"
)

func captured(limit int, pieces ...string) *capture {
	c := &capture{limit: limit}
	for _, p := range pieces {
		_, _ = c.Write([]byte(p))
	}
	return c
}

func TestCapture(t *testing.T) {
	for _, c := range []struct {
		limit  int
		pieces []string
		want   string
		cut    bool
	}{
		{10, nil, "", false},
		{10, []string{"abc", "defg", "hij"}, "abcdefghij", false},
		{10, []string{"abcdefghijk"}, "abcde\n[... 1 bytes left out ...]\nghijk", true},
		{5, []string{"abc", "def", "ghi"}, "ab\n[... 4 bytes left out ...]\nghi", true},
		{1, []string{"ab"}, "\n[... 1 bytes left out ...]\nb", true},
		{0, []string{"ab"}, "\n[... 2 bytes left out ...]\n", true},
		{8, []string{"aaażżżżżżżż"}, "aaa\n[... 12 bytes left out ...]\nżż", true},
		{7, []string{"aażżżżżżżż"}, "aa\n[... 12 bytes left out ...]\nżż", true},
		{
			14,
			[]string{wide(binary.LittleEndian, strings.Repeat("ż", 20))},
			"żż\n[... 30 bytes left out ...]\nżżż", true,
		},
	} {
		got := captured(c.limit, c.pieces...)
		if text := string(got.text(&decoder{})); text != c.want || got.cut() != c.cut {
			t.Errorf("%q within %d: got %q, %v", c.pieces, c.limit, text, got.cut())
		}
	}
}

func FuzzCapture(f *testing.F) {
	f.Add([]byte("abcdefghijklmnop"), 5, 3)
	f.Add([]byte("zażółć gęślą jaźń"), 7, 2)
	f.Fuzz(func(t *testing.T, in []byte, limit, size int) {
		limit, size = max(limit, -limit)%1024, 1+max(size, -size)%64
		if limit < 0 || size < 1 {
			return
		}
		c := &capture{limit: limit}
		for rest := in; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			_, _ = c.Write(rest[:min(size, len(rest))])
		}
		want := in
		if len(in) > limit {
			want = append(bytes.Clone(in[:limit/2]), in[len(in)-(limit-limit/2):]...)
		}
		if got := c.bytes(); !bytes.Equal(got, want) || c.total != int64(len(in)) || c.cut() != (len(in) > limit) {
			t.Fatalf("got %q of %d, want %q", got, c.total, want)
		}
		text := c.text(&decoder{})
		if !utf8.Valid(text) {
			t.Errorf("%q is no UTF-8", text)
		}
		if c.cut() && !bytes.Contains(text, []byte(" bytes left out ...]\n")) {
			t.Errorf("the cut is not declared: %q", text)
		}
	})
}
