package role

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// silent is an agent to which roles may say what they like.
type silent struct{}

func (silent) Emit(wire.Result) error                          { return nil }
func (silent) Request(context.Context, string, any, any) error { return nil }

// FuzzCore is the core's side of the conversation: frames, and what stands in them, from a worker that means harm. What
// they ask for is carried out or refused; the conversation ends, and nothing else does.
func FuzzCore(f *testing.F) {
	codec, err := contract.Codec()
	if err != nil {
		f.Fatal(err)
	}
	for _, call := range []any{
		bindings.Call{Module: "desk", Func: "say", Args: []any{"x", map[string]any{"a": []any{1, nil, 1.5}}}},
		bindings.Call{Module: "desk", Func: "soon", Args: []any{cbor.Tag{Number: 60002, Content: map[int]any{1: 7}}}},
		bindings.Call{Module: "desk", Func: "close", Ref: 1, Args: []any{cbor.Tag{Number: 60001, Content: map[int]any{1: 2}}}},
		"x", nil,
		[]any{[]any{}},
	} {
		body, err := cbor.Marshal(call)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint64(1), uint8(1), contract.Do, body, []byte{0, 0, 0, 1, 0xff})
	}
	f.Add(uint64(2), uint8(2), "", []byte{0xf6}, []byte{0xff, 0xff, 0xff, 0xff})
	f.Add(uint64(3), uint8(1), contract.Print, []byte("\x65a\nb\x1bc"), []byte(nil))
	f.Fuzz(func(t *testing.T, id uint64, kind uint8, name string, body, rest []byte) {
		r := served(t)
		defer r.set.Close()
		stream := io.MultiReader(bytes.NewReader(frame(id, kind, name, body)), bytes.NewReader(rest))
		r.peer = ipc.New(stream, io.Discard, ipc.Config{Codec: codec, Handle: r.handle, MaxFrame: 1 << 16})
		if err := r.peer.Run(r.ctx); err == nil {
			t.Error("the conversation ended without saying so")
		}
	})
}

// served is a role without a worker.
func served(t *testing.T) *Role {
	t.Helper()
	o := &office{emitted: make(chan wire.Result, 1), release: make(chan struct{})}
	close(o.release)
	ctx, end := context.WithCancelCause(t.Context())
	r := &Role{
		cfg: Config{Agent: silent{}, Limits: DefaultLimits(), Bindings: []bindings.Binding{o.desk()}, Place: func() bindings.Place { return bindings.Place{} }},
		log: slog.New(slog.DiscardHandler), said: slog.New(slog.DiscardHandler), ctx: ctx, end: end,
	}
	r.calls = newRate(r.cfg.Limits.Calls, 2*r.cfg.Limits.Calls)
	r.ticks = newRate(r.cfg.Limits.Ticks, r.cfg.Limits.Ticks)
	set, err := bindings.Open(&host{role: r, grants: bindings.Grants{"desk"}}, r.cfg.Bindings, bindings.Grants{"desk"})
	if err != nil {
		t.Fatal(err)
	}
	r.set = set
	r.ready.Store(true)
	return r
}

// frame is a frame around any bytes.
func frame(id uint64, kind uint8, name string, body []byte) []byte {
	text := binary.BigEndian.AppendUint64([]byte{0xa4, 1, 0x1b}, id)
	text = append(text, 2, 0x18, kind, 3, 0x7a)
	text = binary.BigEndian.AppendUint32(text, uint32(len(name)))
	text = slices.Concat(text, []byte(name), []byte{4}, body)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}
