package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mostShown is how much of a text among a call's arguments is shown; --json has all of it.
const mostShown = 120

// luaName is a key that needs no quotes.
var luaName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// String is the call as it stands in Lua, after what became of it.
func (e explained) String() string {
	var args []string
	for _, arg := range e.Args {
		args = append(args, luaText(arg))
	}
	fate := map[string]string{"read": "reads", "stopped": "would", "denied": "denied"}[e.Fate]
	return fmt.Sprintf("%-6s  %s(%s)", fate, printable(e.Call), strings.Join(args, ", "))
}

// luaText is a plain value as it stands in Lua, on one printable line.
func luaText(v any) string {
	switch x := v.(type) {
	case nil:
		return "nil"
	case string:
		if len(x) > mostShown {
			return strconv.QuoteToASCII(x[:mostShown]) + fmt.Sprintf(" .. %d bytes", len(x)-mostShown)
		}
		return strconv.Quote(x)
	case []any:
		var items []string
		for _, item := range x {
			items = append(items, luaText(item))
		}
		return braced(items)
	case map[string]any:
		var items []string
		for _, key := range slices.Sorted(maps.Keys(x)) {
			name := key
			if !luaName.MatchString(key) {
				name = "[" + strconv.Quote(key) + "]"
			}
			items = append(items, name+" = "+luaText(x[key]))
		}
		return braced(items)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case shownAs:
		return "<" + string(x) + ">"
	}
	return fmt.Sprint(v)
}

func braced(items []string) string {
	if len(items) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(items, ", ") + " }"
}

// MarshalJSON shows what has no text in angle brackets.
func (s shownAs) MarshalJSON() ([]byte, error) { return json.Marshal("<" + string(s) + ">") }
