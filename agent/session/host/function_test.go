package host

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// function stands for a Lua function of a role.
type function struct {
	args     []any
	released atomic.Bool
}

var _ bindings.Callback = (*function)(nil)

func (f *function) Call(_ context.Context, args ...any) error {
	f.args = args
	return nil
}

func (f *function) Release() { f.released.Store(true) }

// listen makes the core's side of a conversation in which the host has said all that it will.
func listen(said []byte, h *Host) (*ipc.Peer, error) {
	codec, err := contract.Codec()
	if err != nil {
		return nil, err
	}
	return ipc.New(bytes.NewReader(said), io.Discard, ipc.Config{Codec: codec, Handle: h.handle, MaxFrame: 1 << 16}), nil
}
