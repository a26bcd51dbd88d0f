package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// canonical is an object as the Engine signs it: keys in order, no blanks, ASCII alone, and each number in the very
// text that it came in, since the Engine's numbers are Python's.
func canonical(o wire.Object, without ...string) ([]byte, error) {
	fields := map[string]any{}
	for key, raw := range o {
		if slices.Contains(without, key) {
			continue
		}
		var value any
		if err := wire.Decode(raw, &value); err != nil {
			return nil, fmt.Errorf("token: field %.80q: %w", key, err)
		}
		fields[key] = value
	}
	return appendJSON(nil, fields), nil
}

// appendJSON appends a value that wire.Decode made.
func appendJSON(to []byte, value any) []byte {
	switch v := value.(type) {
	case map[string]any:
		to = append(to, '{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendText(to, key), ':')
			to = appendJSON(to, v[key])
		}
		return append(to, '}')
	case []any:
		to = append(to, '[')
		for i, item := range v {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendJSON(to, item)
		}
		return append(to, ']')
	case string:
		return appendText(to, v)
	case json.Number:
		return append(to, v...)
	case bool:
		return strconv.AppendBool(to, v)
	}
	return append(to, "null"...)
}

// appendText appends a string with all but printable ASCII escaped, as Python's json does.
func appendText(to []byte, text string) []byte {
	to = append(to, '"')
	for _, r := range text {
		control := strings.IndexRune("\b\f\n\r\t", r)
		switch {
		case r == '"' || r == '\\':
			to = append(to, '\\', byte(r))
		case control >= 0:
			to = append(to, '\\', "bfnrt"[control])
		case r >= ' ' && r <= '~':
			to = append(to, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			to = fmt.Appendf(to, `\u%04x\u%04x`, high, low)
		default:
			to = fmt.Appendf(to, `\u%04x`, r)
		}
	}
	return append(to, '"')
}
