package process

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// decoder turns what a program wrote into UTF-8, piece by piece: UTF-16 behind a byte order mark is decoded, a UTF-8
// mark is taken off, and each byte that fits nothing becomes U+FFFD. Nothing is dropped.
type decoder struct {
	// foreign decodes what is not UTF-8; nil where programs have no other code page.
	foreign func([]byte) string

	begun bool
	wide  binary.ByteOrder // set when the stream is UTF-16
	held  []byte           // an unfinished character, until its rest arrives
}

// decode gives the text of p behind what was held before; last says that no more follows. What it returns may be a
// part of p.
func (d *decoder) decode(p []byte, last bool) []byte {
	if len(d.held) > 0 {
		p = append(d.held, p...)
		d.held = nil
	}
	if !d.begun {
		if p = d.begin(p, last); !d.begun {
			return nil
		}
	}
	if d.wide != nil {
		return d.decodeWide(p, last)
	}
	return d.decodeNarrow(p, last)
}

// begin looks for a byte order mark, which may arrive in pieces.
func (d *decoder) begin(p []byte, last bool) []byte {
	marks := []struct {
		bytes string
		order binary.ByteOrder
	}{{"\xef\xbb\xbf", nil}, {"\xff\xfe", binary.LittleEndian}, {"\xfe\xff", binary.BigEndian}}
	for _, mark := range marks {
		if bytes.HasPrefix(p, []byte(mark.bytes)) {
			d.begun, d.wide = true, mark.order
			return p[len(mark.bytes):]
		}
		if bytes.HasPrefix([]byte(mark.bytes), p) && !last {
			d.hold(p)
			return nil
		}
	}
	d.begun = true
	return p
}

func (d *decoder) hold(p []byte) { d.held = bytes.Clone(p) }

func (d *decoder) decodeNarrow(p []byte, last bool) []byte {
	if !last {
		whole := wholeRunes(p)
		d.hold(p[whole:])
		p = p[:whole]
	}
	if utf8.Valid(p) {
		return p
	}
	if d.foreign != nil {
		return d.decodeForeign(p, last)
	}
	return replaceInvalid(p)
}

// decodeForeign decodes up to the last byte that ends a character in every code page: the second byte of a double
// one is never below 0x30.
func (d *decoder) decodeForeign(p []byte, last bool) []byte {
	if !last {
		end := len(p)
		for end > 0 && p[end-1] >= 0x30 {
			end--
		}
		if end == 0 && len(p)+len(d.held) > 4096 {
			end = len(p) // no such byte for a whole page: better a doubtful character than silence
		}
		d.held = append(bytes.Clone(p[end:]), d.held...)
		p = p[:end]
	}
	if len(p) == 0 {
		return nil
	}
	return []byte(d.foreign(p))
}

func (d *decoder) decodeWide(p []byte, last bool) []byte {
	var out []byte
	for len(p) >= 2 {
		r := rune(d.wide.Uint16(p))
		size := 2
		if utf16.IsSurrogate(r) {
			if len(p) < 4 && !last {
				break
			}
			r, size = d.pair(p)
		}
		out = utf8.AppendRune(out, r)
		p = p[size:]
	}
	if !last {
		d.hold(p)
	} else if len(p) > 0 {
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return out
}

// pair decodes two surrogates; one that stands alone is U+FFFD.
func (d *decoder) pair(p []byte) (rune, int) {
	if len(p) >= 4 {
		if r := utf16.DecodeRune(rune(d.wide.Uint16(p)), rune(d.wide.Uint16(p[2:]))); r != utf8.RuneError {
			return r, 4
		}
	}
	return utf8.RuneError, 2
}

// wholeRunes is how much of p ends with a finished character, or with a byte that can never be finished.
func wholeRunes(p []byte) int {
	for back := 1; back <= min(len(p), utf8.UTFMax); back++ {
		at := len(p) - back
		if !utf8.RuneStart(p[at]) {
			continue
		}
		if utf8.FullRune(p[at:]) {
			return len(p)
		}
		return at
	}
	return len(p)
}

// replaceInvalid puts one U+FFFD in the place of each byte that is no UTF-8.
func replaceInvalid(p []byte) []byte {
	out := make([]byte, 0, len(p)+len(p)/8)
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		out = utf8.AppendRune(out, r)
		p = p[size:]
	}
	return out
}
