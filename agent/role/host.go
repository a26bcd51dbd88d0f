package role

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// host is the agent as the bindings of one role see it.
type host struct {
	role   *Role
	grants bindings.Grants
}

var _ bindings.Host = (*host)(nil)

func (h *host) Log() *slog.Logger { return h.role.said }

func (h *host) Now() time.Time { return time.Now() }

func (h *host) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

func (h *host) Place() bindings.Place { return h.role.place() }

func (h *host) Allow(grant, thing string) error {
	return h.role.denial(grant, thing, h.grants.Allow(grant, thing))
}

func (h *host) Emit(event string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("event %q: %w", event, err)
	}
	if most := h.role.cfg.Limits.Output; !h.role.output.take(len(raw)) {
		return bindings.Fail("limit", "more than %d KiB of results in a minute", most>>10)
	}
	return h.role.cfg.Agent.Emit(wire.Result{Role: h.role.manifest.Name, Event: event, Data: raw})
}

func (h *host) Request(ctx context.Context, path string, in, out any) error {
	return h.role.cfg.Agent.Request(ctx, path, in, out)
}
