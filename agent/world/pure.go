package world

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// pureHost is the host of the bindings that run inside the worker: they touch no machine, so it offers none.
type pureHost struct {
	place bindings.Place
	print func(string)
}

var _ bindings.Host = pureHost{}

// Log goes the way of print: a pure binding logs only its own panics.
func (h pureHost) Log() *slog.Logger { return slog.New(slog.NewTextHandler(printer{h.print}, nil)) }

type printer struct{ print func(string) }

func (p printer) Write(b []byte) (int, error) {
	p.print(string(b))
	return len(b), nil
}

var _ io.Writer = printer{}

func (h pureHost) Now() time.Time { return time.Now() }

func (h pureHost) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

func (h pureHost) Place() bindings.Place { return h.place }

func (h pureHost) Allow(string, string) error { return nil }

func (h pureHost) Emit(string, any) error { return bindings.ErrUnsupported }

func (h pureHost) Request(context.Context, string, any, any) error { return bindings.ErrUnsupported }
