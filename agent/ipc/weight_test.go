package ipc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// call is a frame with a body of a test's own making.
func call(body []byte) []byte {
	frame := slices.Concat([]byte{0xa4, 1, 7, 2, byte(kindCall), 3, 0x61, 'x', 4}, body)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

// TestFewBytesDoNotBecomeMuchMemory sends lists of empty lists: 16 million values in as many bytes.
func TestFewBytesDoNotBecomeMuchMemory(t *testing.T) {
	const million = 1 << 20
	list := append([]byte{0x9a, 0, 0x10, 0, 0}, bytes.Repeat([]byte{0x80}, million)...)
	codec, err := NewCodec(nil)
	if err != nil {
		t.Fatal(err)
	}
	var called bool
	handle := func(context.Context, Call) func() (any, error) {
		called = true
		return func() (any, error) { return nil, nil }
	}
	p := New(bytes.NewReader(call(append([]byte{0x90}, bytes.Repeat(list, 16)...))), io.Discard, Config{Codec: codec, Handle: handle})
	if err := p.Run(t.Context()); !errors.Is(err, ErrFrame) || called {
		t.Errorf("called: %v, %v", called, err)
	}
}

func TestWeight(t *testing.T) {
	for name, c := range map[string]struct {
		cbor   []byte
		values int
	}{
		"nothing":        {nil, 0},
		"a number":       {[]byte{0x01}, 1},
		"a long number":  {[]byte{0x1b, 1, 2, 3, 4, 5, 6, 7, 8}, 1},
		"text":           {[]byte{0x62, 0x80, 0x80}, 1},
		"longer text":    {append([]byte{0x78, 30}, make([]byte, 30)...), 1},
		"a list":         {[]byte{0x83, 1, 0x80, 0x40}, 4},
		"a map":          {[]byte{0xa1, 0x61, 'k', 0xa0}, 3},
		"a tagged value": {[]byte{0xd9, 0xea, 0x61, 0xf6}, 2},
		"cut text":       {[]byte{0x01, 0x65, 'a'}, 1},
		"a cut number":   {[]byte{0x01, 0x1b, 1}, 1},
	} {
		if got := weight(c.cbor); got != len(c.cbor)+c.values*valueBytes {
			t.Errorf("%s: weighs %d", name, got)
		}
	}
}

// TestHeavyCallsAreRefusedWhileOthersAreUnderWay fills a conversation with three calls, of which two are too much.
func TestHeavyCallsAreRefusedWhileOthersAreUnderWay(t *testing.T) {
	release := make(chan struct{})
	hold := func(context.Context, Call) func() (any, error) {
		return func() (any, error) { <-release; return nil, nil }
	}
	l, _ := pair(t, Config{Handle: echo, MaxFrame: 4000}, Config{Handle: hold, MaxFrame: 4000})
	results := make(chan error, 3)
	for range 3 {
		go func() { results <- l.Call(t.Context(), "x", strings.Repeat("x", 3000), nil) }()
	}
	var f *Failure
	if err := <-results; !errors.As(err, &f) || f.Code != "busy" {
		t.Fatal(err)
	}
	close(release)
	for range 2 {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Call(t.Context(), "x", strings.Repeat("x", 3000), nil); err != nil {
		t.Errorf("once they are done: %v", err)
	}
}
