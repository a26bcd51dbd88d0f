// Package engine is the Lua module engine: a role hands results to the Engine and asks it things, in the device's name.
// It promises that a role cannot speak as the core or as an operator, and that no more leaves than the caps allow. It
// holds no token and keeps nothing: delivery is the outbox's.
package engine

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxBytes bounds the JSON text of one event, one request and one answer: several screenshots' worth, and a fraction
// of what the Engine takes in one message (100,000,000 bytes).
const maxBytes = 16 << 20

// maxTimeout bounds how long a role may wait for one answer.
const maxTimeout = 10 * time.Minute

// grant is what a role needs; "engine:NAME" narrows it to one event or one path.
const grant = "engine"

//go:embed engine.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "engine", Face: face, Core: true, Grant: grant, Open: open}

type module struct{ host bindings.Host }

func open(host bindings.Host) (*bindings.Instance, error) {
	m := &module{host}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"emit":    {Do: m.emit},
		"request": {Do: m.request, Waits: true},
	}}, nil
}

func (m *module) emit(_ context.Context, event string, data any) error {
	if err := checkEvent(event); err != nil {
		return err
	}
	switch data.(type) {
	case string, map[string]any, []any:
	default:
		return bindings.Misused("argument 2: a table or a string expected")
	}
	if err := m.host.Allow(grant, event); err != nil {
		return err
	}
	text, err := bindings.JSON{MaxBytes: maxBytes, Lossy: true}.Encode(data)
	if err != nil {
		return err
	}
	return m.host.Emit(event, json.RawMessage(text))
}

type requestOptions struct {
	Timeout time.Duration `lua:"timeout" default:"30"`
}

func (m *module) request(ctx context.Context, path string, body *map[string]any, opts requestOptions) (any, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if opts.Timeout <= 0 || opts.Timeout > maxTimeout {
		return nil, bindings.Misused("option timeout: %v seconds is not between 0 and %v", opts.Timeout.Seconds(), maxTimeout.Seconds())
	}
	if err := m.host.Allow(grant, path); err != nil {
		return nil, err
	}
	if body == nil {
		body = &map[string]any{}
	}
	text, err := bindings.JSON{MaxBytes: maxBytes}.Encode(*body)
	if err != nil {
		return nil, err
	}
	return m.post(ctx, path, text, opts.Timeout)
}

// errLate tells our own deadline from the caller's.
var errLate = errors.New("no answer in time")

func (m *module) post(ctx context.Context, path string, text []byte, timeout time.Duration) (any, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	disarm := m.host.AfterFunc(timeout, func() { cancel(errLate) })
	defer disarm()
	var answer json.RawMessage
	err := m.host.Request(ctx, path, json.RawMessage(text), &answer)
	switch {
	case err != nil && context.Cause(ctx) == errLate:
		return nil, bindings.Fail("timeout", "no answer from the Engine within %v seconds", timeout.Seconds())
	case err != nil:
		return nil, err
	case len(answer) == 0:
		return nil, nil
	}
	return bindings.JSON{MaxBytes: maxBytes, Lossy: true}.Decode(answer)
}
