package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"go.uber.org/goleak"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/world"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/pure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// FuzzWorker is the worker's side of the conversation: whatever arrives, before a role is loaded and afterwards, the
// worker goes on or ends, and says why.
func FuzzWorker(f *testing.F) {
	const file = `ROLE_NAME = "t" ROLE_CONTEXTS = { "system" } local Role = {}
function Role:register_events(events) events:on("go", function(ev) return ev.n end) end
return Role`
	source := contract.Source{File: "role_t.lua", Text: []byte(file)}
	load := frame(1, 1, contract.Load, plain(f, contract.Setup{Source: source, Place: bindings.Place{Context: "system"}}))
	for name, in := range map[string]any{
		contract.Inspect: source, contract.Requires: source, contract.Event: contract.Happening{Name: "go", Data: []byte(`{"n":1}`)},
		contract.Config: []byte(`[]`), contract.Callback: contract.Invocation{Func: 1, Args: []any{1, "x", nil}}, contract.Stop: nil,
		contract.State: nil, contract.Health: nil, "none": []any{[]any{}},
	} {
		body := plain(f, in)
		f.Add(true, uint64(2), uint8(1), name, body, []byte{0, 0, 0, 1, 0xff})
		f.Add(false, uint64(2), uint8(1), name, body, []byte(nil))
	}
	f.Add(true, uint64(1), uint8(2), "", []byte{0xf6}, []byte{0xff, 0xff, 0xff, 0xff})
	limits := world.DefaultLimits()
	limits.Processor, limits.Within, limits.Load = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	f.Fuzz(func(t *testing.T, loaded bool, id uint64, kind uint8, name string, body, rest []byte) {
		said := make(gate, 1)
		in := io.MultiReader(bytes.NewReader(frame(id, kind, name, body)), bytes.NewReader(rest))
		if loaded { // a core says nothing before that is answered
			in = io.MultiReader(bytes.NewReader(load), said, in)
		}
		_ = world.Serve(t.Context(), in, said, world.Options{Pure: pure.List(), Limits: limits}) // an error or the end
	})
}

// gate is the end of a stream once something was written to it.
type gate chan struct{}

func (g gate) Write(p []byte) (int, error) {
	select {
	case g <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (g gate) Read([]byte) (int, error) {
	<-g
	return 0, io.EOF
}

// plain is a value as it travels.
func plain(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frame is a frame around any bytes.
func frame(id uint64, kind uint8, name string, body []byte) []byte {
	text := binary.BigEndian.AppendUint64([]byte{0xa4, 1, 0x1b}, id)
	text = append(text, 2, 0x18, kind, 3, 0x7a)
	text = binary.BigEndian.AppendUint32(text, uint32(len(name)))
	text = slices.Concat(text, []byte(name), []byte{4}, body)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}
