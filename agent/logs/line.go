package logs

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// stampLayout has a fixed width, so that the service's name always begins at the same column.
const stampLayout = "2006-01-02T15:04:05.000-07:00"

const (
	maxText = 16 << 10 // bytes of one message or value that are shown
	maxLine = 64 << 10 // bytes of one line's body
)

// prefix is "<timestamp>-<service>-", with room for a line.
func prefix(now time.Time, service string) []byte {
	line := make([]byte, 0, 256)
	line = now.AppendFormat(line, stampLayout)
	line = append(line, '-')
	line = append(line, service...)
	return append(line, '-')
}

// appendAttr renders one field, or all fields of a group.
func appendAttr(b []byte, g group, a slog.Attr) []byte {
	a.Value = a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return b
	}
	if a.Value.Kind() == slog.KindGroup {
		inner := g.within(a.Key)
		for _, m := range a.Value.Group() {
			b = appendAttr(b, inner, m)
		}
		return b
	}
	b = append(b, ' ')
	b = appendText(b, g.prefix+a.Key, false)
	b = append(b, '=')
	return appendText(b, shown(g.secret || secretKey(a.Key), a), false)
}

// shown is the text of a field's value, masked when it is a secret's.
func shown(secret bool, a slog.Attr) string {
	switch a.Value.Kind() {
	case slog.KindBool, slog.KindDuration:
		return a.Value.String() // has_token=true and token_age=3s tell no secret
	case slog.KindTime:
		return a.Value.Time().Format(stampLayout)
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		if secret && !countable(a.Key) {
			return masked
		}
		return a.Value.String()
	}
	text := textOf(a.Value)
	if secret && text != "" {
		return masked
	}
	return mask(text)
}

// textOf never panics: a broken String method must not end the agent that wanted to log it.
func textOf(v slog.Value) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("!panic in %T: %v", v.Any(), r)
		}
	}()
	if v.Kind() != slog.KindAny {
		return v.String()
	}
	switch x := v.Any().(type) {
	case nil:
		return "nil"
	case error:
		return x.Error()
	case fmt.Stringer:
		return x.String()
	case encoding.TextMarshaler:
		t, err := x.MarshalText()
		if err != nil {
			return "!" + err.Error()
		}
		return string(t)
	default:
		return jsonOf(x)
	}
}

// jsonOf shows a structure as JSON, so that the names of its fields are seen and can be masked.
func jsonOf(x any) string {
	whole, err := json.Marshal(x)
	if err != nil {
		return fmt.Sprintf("!%T", x)
	}
	dec := json.NewDecoder(bytes.NewReader(whole))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return fmt.Sprintf("!%T", x)
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(maskTree(tree)); err != nil {
		return fmt.Sprintf("!%T", x)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// appendText writes s bare where that is unambiguous and harmless, quoted otherwise. A message keeps its spaces.
func appendText(b []byte, s string, spaces bool) []byte {
	if len(s) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = fmt.Sprintf("%s... (%d bytes more)", s[:cut], len(s)-cut)
	}
	if bare(s, spaces) {
		return append(b, s...)
	}
	return strconv.AppendQuote(b, s)
}

// bare reports whether s needs no quotes: only what strconv calls printable, which leaves out every control and
// format character (terminal escapes, line breaks of any kind, BOM, bidi controls), and nothing that reads as
// syntax of a line.
func bare(s string, spaces bool) bool {
	if s == "" || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i, r := range s {
		switch {
		case r == '"' || r == '=' || r == '\\':
			return false
		case r == ' ' && !spaces:
			return false
		case !strconv.IsPrint(r):
			return false
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(s[i:]); size <= 1 {
				return false
			}
		}
	}
	return true
}

// clip bounds a line. What is cut was quoted or printable, so the cut end is both.
func clip(body []byte, most int) []byte {
	if len(body) <= most {
		return body
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(body[cut]) {
		cut--
	}
	return fmt.Appendf(body[:cut], "... (%d bytes more)", len(body)-cut)
}
