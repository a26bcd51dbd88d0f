// Package log is the Lua module log: what a role has to say goes into its log, with fields. It promises that every
// line appears, cut rather than refused, and that no handle's inside ever does. It is not for results: those are the
// module engine's.
package log

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"sort"
	"unicode/utf8"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Caps on one line; what is longer is cut and says so.
const (
	maxMessage = 8 << 10
	maxField   = 4 << 10
	maxFields  = 32
)

//go:embed log.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "log", Face: face, Core: true, Open: open}

func open(host bindings.Host) (*bindings.Instance, error) {
	at := func(level slog.Level) bindings.Func {
		return bindings.Func{Do: func(ctx context.Context, message string, fields *map[string]any) error {
			host.Log().LogAttrs(ctx, level, cut(message, maxMessage), attrs(fields)...)
			return nil
		}}
	}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"debug": at(slog.LevelDebug),
		"info":  at(slog.LevelInfo),
		"warn":  at(slog.LevelWarn),
		"error": at(slog.LevelError),
	}}, nil
}

// attrs are the fields as the log takes them, sorted by name.
func attrs(fields *map[string]any) []slog.Attr {
	if fields == nil {
		return nil
	}
	names := make([]string, 0, len(*fields))
	for name := range *fields {
		names = append(names, name)
	}
	sort.Strings(names)
	out := make([]slog.Attr, 0, maxFields+1)
	for i, name := range names {
		if i == maxFields {
			return append(out, slog.Int("fields_left_out", len(names)-maxFields))
		}
		out = append(out, slog.Any(cut(name, maxField), readable((*fields)[name])))
	}
	return out
}

// readable makes of a field's value what a line of text can hold: a handle or a function only says that it is one.
func readable(v any) any {
	switch x := v.(type) {
	case string:
		return cut(x, maxField)
	case bool:
		return x
	case float64:
		if whole := int64(x); float64(whole) == x {
			return whole // else 1234567 reads 1.234567e+06
		}
		return x
	}
	text, err := bindings.JSON{MaxBytes: 16 * maxField, Lossy: true}.Encode(v)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return cut(string(text), maxField)
}

// cut shortens a text to at most n bytes, between characters, and says by how much.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return fmt.Sprintf("%s... (%d bytes more)", text[:n], len(text)-n)
}
