package process

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// wide writes text as UTF-16 behind a mark.
func wide(order binary.AppendByteOrder, text string) string {
	out := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

func TestDecode(t *testing.T) {
	const text = "zażółć 漢字 🦊\r\n"
	for in, want := range map[string]string{
		"":                                "",
		text:                              text,
		utf8Mark + text:                   text,
		"a" + utf8Mark:                    "a\ufeff",
		wide(binary.LittleEndian, text):   text,
		wide(binary.BigEndian, text):      text,
		"\xff\xfe\x3e\xd8a\x00":           "\uFFFDa",
		"\xff\xfe\x3e\xd8":                "\uFFFD",
		"\xff\xfea\x00b":                  "a\uFFFD",
		"\xfe":                            "\uFFFD",
		"\xef\xbb":                        "\uFFFD\uFFFD",
		"a\xff\xffb\xc5":                  "a\uFFFD\uFFFDb\uFFFD",
		"\xf0\x9f\xa6":                    "\uFFFD\uFFFD\uFFFD",
		"\xed\xa0\x80":                    "\uFFFD\uFFFD\uFFFD",
		"\x00\x01":                        "\x00\x01",
		strings.Repeat("\x80", 5) + "end": strings.Repeat("\uFFFD", 5) + "end",
	} {
		if got := decodePieces([]byte(in), len(in)+1, nil); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		for size := 1; size <= 3; size++ {
			if got := decodePieces([]byte(in), size, nil); got != want {
				t.Errorf("%q by %d: got %q, want %q", in, size, got, want)
			}
		}
	}
}

func decodePieces(in []byte, size int, foreign func([]byte) string) string {
	d := &decoder{foreign: foreign}
	var out []byte
	for len(in) > size {
		out = append(out, d.decode(in[:size], false)...)
		in = in[size:]
	}
	return string(append(out, d.decode(in, true)...))
}

// oldPage stands in for a code page of double bytes: 0x80 and above lead one more byte.
func oldPage(p []byte) string {
	var out strings.Builder
	for len(p) > 0 {
		if p[0] < 0x80 || len(p) == 1 {
			out.WriteByte(p[0] & 0x7f)
			p = p[1:]
			continue
		}
		out.WriteString("<" + string(rune('A'+p[1]%26)) + ">")
		p = p[2:]
	}
	return out.String()
}

func TestForeignTextIsDecodedWhereverItIsCut(t *testing.T) {
	const in = "dir \x83\x41\x83\x42 of it\r\n\x90\x91\n"
	want := oldPage([]byte(in))
	for size := 1; size < len(in); size++ {
		if got := decodePieces([]byte(in), size, oldPage); got != want {
			t.Errorf("by %d: got %q, want %q", size, got, want)
		}
	}
	const modern = "zażółć"
	if got := decodePieces([]byte(modern), 3, oldPage); got != modern {
		t.Errorf("UTF-8: got %q", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("zażółć"), 1)
	f.Add([]byte("\xff\xfea\x00\x3e\xd8"), 3)
	f.Add([]byte("\xef\xbb\xbfa\xffb\xf0\x9f"), 2)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		size = 1 + max(size, -size)%max(len(in), 1)
		if size < 1 {
			size = 1
		}
		whole := decodePieces(in, len(in)+1, nil)
		if pieces := decodePieces(in, size, nil); pieces != whole {
			t.Errorf("whole %q, by %d %q", whole, size, pieces)
		}
		if !utf8.ValidString(whole) {
			t.Errorf("%q is no UTF-8", whole)
		}
		marked := false
		for _, mark := range []string{utf8Mark, "\xff\xfe", "\xfe\xff"} {
			marked = marked || strings.HasPrefix(string(in), mark)
		}
		if !marked && whole != string([]rune(string(in))) {
			t.Errorf("%q became %q", in, whole)
		}
	})
}
