// Package json is the Lua module json: text to values and back. It promises that what decodes encodes again, and that
// neither a hostile text nor a hostile table takes more memory than its caps allow. It streams nothing.
package json

import (
	"context"
	_ "embed"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxBytes is the longest JSON text, read or written.
const maxBytes = 8 << 20

// maxIndent is the deepest indentation per level that anyone reads.
const maxIndent = 8

//go:embed json.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "json", Face: face, Pure: true, Open: open}

func open(bindings.Host) (*bindings.Instance, error) {
	return &bindings.Instance{
		Funcs: map[string]bindings.Func{
			"decode": {Do: decode},
			"encode": {Do: encode},
			"array":  {Do: array},
		},
		Values: map[string]any{"null": bindings.Null{}},
	}, nil
}

func decode(_ context.Context, text []byte) (any, error) {
	return bindings.JSON{MaxBytes: maxBytes}.Decode(text)
}

type encodeOptions struct {
	Indent int `lua:"indent" default:"0"`
}

func encode(_ context.Context, value any, opts encodeOptions) (string, error) {
	if opts.Indent < 0 || opts.Indent > maxIndent {
		return "", bindings.Misused("option indent: %d is not between 0 and %d", opts.Indent, maxIndent)
	}
	text, err := bindings.JSON{MaxBytes: maxBytes, Indent: opts.Indent}.Encode(value)
	return string(text), err
}

// array returns the list as it came: what a binding returns as a list, the world marks as one.
func array(_ context.Context, list []any) ([]any, error) {
	return list, bindings.JSON{MaxBytes: maxBytes, Lossy: true}.Check(list)
}
