// Command hostile is a worker that serves well until an event names a way to go wrong. It stands in the worker's place in
// tests: what a role would be that has broken out of its world.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/lockdown"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

func main() {
	codec, err := contract.Codec()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
	var peer *ipc.Peer
	peer = ipc.New(os.Stdin, os.Stdout, ipc.Config{Codec: codec, Handle: func(ctx context.Context, c ipc.Call) func() (any, error) {
		return handle(ctx, peer, c)
	}})
	_ = peer.Run(context.Background())
	time.Sleep(time.Hour) // the end of the conversation is no reason for it to leave
}

func handle(ctx context.Context, peer *ipc.Peer, c ipc.Call) func() (any, error) {
	say := func(v any) func() (any, error) { return func() (any, error) { return v, nil } }
	switch c.Name {
	case contract.Inspect:
		return say(contract.Manifest{Name: "hostile", Contexts: []string{"system"}, Grants: []string{"desk"}})
	case contract.Load:
		return say(contract.Loaded{Events: []string{"go"}})
	case contract.Health:
		return say(contract.Report{Status: "healthy"})
	case contract.Event:
		var h contract.Happening
		if err := c.Decode(&h); err != nil {
			return func() (any, error) { return nil, err }
		}
		if string(h.Data) == `"mute"` {
			time.Sleep(time.Hour) // nothing is read any more
		}
		return func() (any, error) { return nil, misbehave(ctx, peer, string(h.Data)) }
	}
	return say(nil)
}

func misbehave(ctx context.Context, peer *ipc.Peer, way string) error {
	switch way {
	case `"garbage"`:
		write([]byte("this is no frame, and long enough to be taken for one"))
	case `"huge"`:
		write([]byte{0xff, 0xff, 0xff, 0xff})
	case `"kind"`:
		write(frame(9, "x", nil))
	case `"bomb"`:
		lists := append([]byte{0x9a, 0, 0x10, 0, 0}, bytes.Repeat([]byte{0x80}, 1<<20)...)
		write(frame(1, contract.Do, append([]byte{0x85}, bytes.Repeat(lists, 5)...)))
	case `"cut"`:
		write([]byte{0, 0, 1, 0, 0xa4})
		os.Exit(0)
	case `"leave"`:
		os.Exit(0)
	case `"hoard"`:
		hoard()
	case `"odd"`:
		return odd(ctx, peer)
	}
	return nil
}

// odd says what is well formed and makes no sense. The core has to go on.
func odd(ctx context.Context, peer *ipc.Peer) error {
	write(frame(2, "", nil)) // an answer to nothing
	write(frame(4, "", nil)) // the end of a call that was never made
	for _, c := range []struct {
		name string
		in   any
	}{
		{"no such call", nil},
		{contract.Do, "no call of a binding"},
		{contract.Do, bindings.Call{Module: "desk", Func: "none"}},
		{contract.Do, bindings.Call{Module: "none", Func: "say"}},
		{contract.Do, bindings.Call{Module: "desk", Func: "say", Args: []any{1, 2, 3}}},
		{contract.Do, bindings.Call{Module: "desk", Func: "soon", Args: []any{"no function"}}},
		{contract.Do, bindings.Call{Module: "desk", Func: "read", Ref: 1 << 40}},
		{contract.Print, map[string]any{"no": "line"}},
	} {
		if err := peer.Call(ctx, c.name, c.in, nil); err == nil {
			return fmt.Errorf("%s %v was carried out", c.name, c.in)
		}
	}
	return nil
}

// hoard takes more memory than a worker may have, faster than anybody could notice.
func hoard() {
	lockdown.Down()
	var held [][]byte
	for range 64 {
		held = append(held, bytes.Repeat([]byte{1}, 16<<20))
	}
	fmt.Fprintln(os.Stderr, "nobody minds", len(held), "pieces")
	os.Exit(1)
}

// frame is a frame that no peer would send.
func frame(kind int, name string, body cbor.RawMessage) []byte {
	text, err := cbor.Marshal(map[int]any{1: 1 << 40, 2: kind, 3: name, 4: body})
	if err != nil {
		panic(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

func write(b []byte) { _, _ = os.Stdout.Write(b) }
