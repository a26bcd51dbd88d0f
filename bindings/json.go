package bindings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// What a JSON text may hold: enough for a machine's whole inventory, too little to exhaust a worker.
const (
	MaxJSONDepth  = 100
	MaxJSONValues = 1 << 18
)

// JSON carries plain values to JSON text and back, by the same rules wherever roles meet JSON: an empty table is an
// object, a list may hold Null and an object has no member for it, numbers are float64.
type JSON struct {
	// MaxBytes bounds the text, either way.
	MaxBytes int
	// Indent is the number of spaces for each level; 0 writes one line.
	Indent int
	// Lossy makes U+FFFD of bytes that are not UTF-8, which are refused otherwise.
	Lossy bool
}

// Encode writes a plain value, members sorted by name. A value without a JSON form is a *Misuse; bytes that are not
// UTF-8 are the code "utf8", and too much of anything is the code "limit".
func (j JSON) Encode(v any) ([]byte, error) {
	if err := j.Check(v); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if j.Indent > 0 {
		enc.SetIndent("", strings.Repeat(" ", j.Indent))
	}
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	out := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	if len(out) > j.MaxBytes {
		return nil, j.tooLong()
	}
	return out, nil
}

// Check says, without writing anything, what Encode would refuse, except that the text may still be too long for what
// has to be escaped in it.
func (j JSON) Check(v any) error {
	m := &measure{JSON: j}
	return m.value(v, nil)
}

func (j JSON) tooLong() *Error { return Fail("limit", "more than %d bytes of JSON", j.MaxBytes) }

// measure finds, before anything is written, what cannot be and what would be too much. It counts the shortest form
// of each value.
type measure struct {
	JSON
	values, bytes int
}

func (m *measure) value(v any, at path) error {
	m.values++
	m.bytes += 1 + (m.Indent*len(at)+1)*min(m.Indent, 1) // a comma, and the start of a line
	switch x := v.(type) {
	case nil, Null:
		m.bytes += len("null")
	case bool:
		m.bytes += len("true")
	case int, int64:
		m.bytes++
	case float64:
		if m.bytes++; math.IsNaN(x) || math.IsInf(x, 0) {
			return misuse("%s is %v, which JSON has no number for", at, x)
		}
	case string:
		return m.text(x, at)
	case []any:
		return m.list(x, at)
	case map[string]any:
		return m.table(x, at)
	default:
		return misuse("%s is a %s, which JSON has no form for", at, kindOf(v))
	}
	return m.check(at)
}

func (m *measure) list(list []any, at path) error {
	m.bytes += len("[]")
	for i, item := range list {
		if err := m.value(item, append(at, i+1)); err != nil {
			return err
		}
	}
	return m.check(at)
}

func (m *measure) table(table map[string]any, at path) error {
	m.bytes += len("{}")
	for _, key := range sortedKeys(table) {
		m.bytes++ // the colon
		if err := m.text(key, at); err != nil {
			return err
		}
		if err := m.value(table[key], append(at, key)); err != nil {
			return err
		}
	}
	return m.check(at)
}

func (m *measure) text(s string, at path) error {
	if !m.Lossy && !utf8.ValidString(s) {
		return Fail("utf8", "%s is not UTF-8; base64 carries bytes", at)
	}
	m.bytes += len(s) + len(`""`)
	return m.check(at)
}

func (m *measure) check(at path) error {
	switch {
	case len(at) > MaxJSONDepth:
		return Fail("limit", "nested deeper than %d levels", MaxJSONDepth)
	case m.values > MaxJSONValues:
		return Fail("limit", "more than %d values", MaxJSONValues)
	case m.bytes > m.MaxBytes:
		return m.tooLong()
	}
	return nil
}

// path says where a value stands, as Lua would reach it: value.list[3].name.
type path []any

func (p path) String() string {
	var b strings.Builder
	b.WriteString("value")
	for _, step := range p {
		if name, ok := step.(string); ok && isWord(name) {
			b.WriteString("." + name)
		} else {
			fmt.Fprintf(&b, "[%#v]", step)
		}
	}
	return b.String()
}

// isWord reports whether Lua can write a name after a dot.
func isWord(name string) bool {
	letters := func(r rune) bool { return r == '_' || r|0x20 >= 'a' && r|0x20 <= 'z' }
	rest := strings.TrimLeftFunc(name, letters)
	return name != rest && strings.TrimLeftFunc(rest, func(r rune) bool { return letters(r) || r >= '0' && r <= '9' }) == ""
}

// Decode reads one JSON text. Its failures are the codes "syntax", with the place, and "limit". A text that is just
// null gives nil.
func (j JSON) Decode(text []byte) (any, error) {
	if len(text) > j.MaxBytes {
		return nil, j.tooLong()
	}
	if at := notUTF8(text); at >= 0 && !j.Lossy {
		return nil, Fail("syntax", "byte %d: not UTF-8", at+1)
	}
	if err := bounded(text); err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, malformed(err)
	}
	settle(v)
	return v, nil
}

func malformed(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return Fail("syntax", "byte %d: %w", syntax.Offset, err)
	case errors.As(err, &kind):
		number := strings.TrimPrefix(kind.Value, "number ") // the only kind that does not fit any value
		return Fail("syntax", "byte %d: %s is out of range", kind.Offset-int64(len(number)), number)
	}
	return Fail("syntax", "%w", err)
}

func notUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for at := 0; ; {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
}

// bounded looks, before anything is made of a text, at how deep it nests and how many values it may hold.
func bounded(text []byte) error {
	depth, values, quoted := 0, 1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			values++
		case c == ']' || c == '}':
			depth--
		case c == ',':
			values++
		}
		if depth > MaxJSONDepth || values > MaxJSONValues {
			return Fail("limit", "byte %d: nested deeper than %d levels, or more than %d values", i+1, MaxJSONDepth, MaxJSONValues)
		}
	}
	return nil
}

// settle marks null in lists, where it holds a place, and drops it from objects.
func settle(v any) {
	switch x := v.(type) {
	case []any:
		for i, item := range x {
			if settle(item); item == nil {
				x[i] = Null{}
			}
		}
	case map[string]any:
		for key, item := range x {
			if settle(item); item == nil {
				delete(x, key)
			}
		}
	}
}
