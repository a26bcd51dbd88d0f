package role

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// scriptFile is what messages call a script that runs in a world of its own.
const scriptFile = "script.lua"

// runEvent is the one event of such a world.
const runEvent = "run"

// RunLua runs a script in a worker of its own, as a role that serves one event, is granted what this one is, and cannot
// do the same in its turn. What the script does wrong comes back as a *bindings.Error with its line.
func (h *host) RunLua(ctx context.Context, source []byte, env map[string]string, print func(line string)) error {
	r, err := Start(ctx, h.role.oneShot(h.grants, print), Source{File: scriptFile, Text: h.role.asRole(source, h.grants), Lib: noHelpers})
	if err != nil {
		return scriptFailure(ctx, err)
	}
	defer r.Kill(ErrEnded)
	data, err := json.Marshal(env)
	if err != nil {
		return err
	}
	err = r.peer.Call(ctx, contract.Event, contract.Happening{Name: runEvent, Data: data}, nil)
	if errors.Is(err, ipc.ErrClosed) {
		<-r.Done()
		err = r.Err()
	}
	return scriptFailure(ctx, err)
}

func (r *Role) oneShot(grants bindings.Grants, print func(string)) Config {
	cfg := r.cfg
	cfg.Print = func(line string) { // it comes as it would stand in a log
		if plain, err := strconv.Unquote(line); err == nil {
			line = plain
		}
		print(line)
	}
	cfg.Allowed = nil
	cfg.Lost = func(wire.Event, string, error) {}
	cfg.Bindings = nil
	for _, b := range r.cfg.Bindings {
		if b.Name != "lua" {
			cfg.Bindings = append(cfg.Bindings, b)
		}
	}
	return cfg
}

// asRole makes a role of a script, in front of whose first line all that makes it one stands: lines keep their numbers.
func (r *Role) asRole(source []byte, grants bindings.Grants) []byte {
	quoted := make([]string, len(grants))
	for i, g := range grants {
		quoted[i] = quote(g)
	}
	return fmt.Appendf(nil, `ROLE_NAME = %s ROLE_CONTEXTS = { %s } ROLE_GRANTS = { %s } local Role = {} `+
		`function Role:register_events(events) events:on(%s, function(env) %s
end, { within = 86400 }) end
return Role
`, quote(r.manifest.Name), quote(r.place().Context), strings.Join(quoted, ", "), quote(runEvent), source)
}

// quote writes a string as Lua reads it.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\x00", `\0`).Replace(text) + `"`
}

func noHelpers(name string) (contract.Source, error) {
	return contract.Source{}, fmt.Errorf("no helper %q: a script has none", name)
}

// scriptFailure tells what the script did wrong, and why it was ended, from what went wrong around it.
func scriptFailure(ctx context.Context, err error) error {
	var said *ipc.Failure
	var refused *RefusedError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &said), errors.As(err, &refused):
		return bindings.Fail("failed", "%w", err)
	}
	return err
}
