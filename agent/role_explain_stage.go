package main

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// reading are the calls that change nothing and are really carried out. Whatever is not here is stopped.
func reading() []string {
	return []string{"fs.read", "fs.list", "fs.stat", "settings.*", "system.*", "x509.*"}
}

// explained is one call that a role made.
type explained struct {
	Call string `json:"call"` // "process.run", or "process.Child:read"
	Args []any  `json:"args"`
	// Fate is "read" when it was carried out, "stopped" when it was not, and "denied" when no grant covers it.
	Fate   string `json:"fate"`
	Answer any    `json:"answer,omitempty"`
}

// stage is where a role plays: it reads the machine and changes nothing. Its bindings only look like themselves.
type stage struct {
	*bindings.Set
	grants   bindings.Grants
	real     *bindings.Set
	promises promises

	mu      sync.Mutex
	calls   []explained
	handles map[uint64]string // number -> class
}

var _ role.Bindings = (*stage)(nil)

// open opens a stage for one role; it is role.Config's Open.
func (s *stage) open(host bindings.Host, list []bindings.Binding, grants bindings.Grants) (role.Bindings, error) {
	var real []bindings.Binding
	for _, b := range list {
		if slices.ContainsFunc(reading(), func(r string) bool { return strings.HasPrefix(r, b.Name+".") }) {
			real = append(real, b)
		}
	}
	s.grants, s.promises, s.handles = grants, readPromises(list), map[uint64]string{}
	var err error
	if s.real, err = bindings.Open(host, real, grants); err != nil {
		return nil, err
	}
	s.Set, err = bindings.Open(host, idle(list), grants)
	return s, err
}

// Close closes what was really opened.
func (s *stage) Close() error {
	_ = s.Set.Close() // nothing stands behind it
	return s.real.Close()
}

// Call carries out what reads, stops all else, and keeps what was asked.
func (s *stage) Call(ctx context.Context, c bindings.Call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := explained{Call: s.nameLocked(c), Args: shownArgs(c.Args), Fate: "stopped"}
	defer func() { s.calls = append(s.calls, e) }()
	if c.Ref == 0 && slices.ContainsFunc(reading(), func(r string) bool { return r == e.Call || r == c.Module+".*" }) {
		answer, err := s.real.Call(ctx, c)
		e.Fate = "read"
		if refused := (*bindings.Error)(nil); errors.As(err, &refused) && refused.Code == "denied" {
			e.Fate = "denied"
		}
		return answer, err
	}
	letGo(c.Args)
	if c.Ref == 0 {
		if err := s.denied(c); err != nil {
			e.Fate = "denied"
			return nil, err
		}
	}
	answer := s.promises.answer(e.Call, s.handleLocked)
	if _, isHandle := answer.(bindings.Ref); !isHandle {
		e.Answer = answer
	}
	return answer, nil
}

// letGo releases the role's functions among arguments: nothing here will call them.
func letGo(args []any) {
	for _, arg := range args {
		if f, ok := arg.(bindings.Callback); ok {
			f.Release()
		}
	}
}

func (s *stage) nameLocked(c bindings.Call) string {
	if c.Ref != 0 {
		return s.handles[c.Ref] + ":" + c.Func
	}
	return c.Module + "." + c.Func
}

func (s *stage) handleLocked(class string) any {
	id := uint64(len(s.handles) + 1)
	s.handles[id] = class
	return bindings.Ref{ID: id, Type: class}
}

// denied asks the role's grants about what a stopped call is for, as far as its arguments tell.
func (s *stage) denied(c bindings.Call) error {
	grant := c.Module
	if grant == "fs" {
		grant = "fs.write"
	}
	for _, thing := range things(c.Module, c.Func, c.Args) {
		covered := func(held string) bool { return bindings.Covers(held, grant+":"+thing) }
		if thing != "" && !slices.ContainsFunc(s.grants, covered) {
			return bindings.Fail("denied", "%s %q is not granted: add %q to ROLE_GRANTS", grant, thing, grant+":"+thing)
		}
	}
	return nil
}

// things are what a call is for: an event, a program, a host, paths; "" for what its arguments do not tell.
func things(module, function string, args []any) []string {
	text := func(i int) string {
		if i >= len(args) {
			return ""
		}
		if argv, ok := args[i].([]any); ok && len(argv) > 0 {
			program, _ := argv[0].(string)
			return filepath.Base(program) // a name covers its path, where it would be found there
		}
		s, _ := args[i].(string)
		return s
	}
	switch {
	case module == "engine", module == "process":
		return []string{text(0)}
	case module == "http" && function == "request":
		return []string{hostName(text(1))}
	case module == "http":
		return []string{hostName(text(0))}
	case module == "fs" && function == "rename":
		return []string{text(0), text(1)}
	case module == "fs" && slices.Contains([]string{"write", "append", "mkdir", "remove"}, function):
		return []string{text(0)}
	}
	return nil
}

func hostName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// shownArgs are arguments as they can be shown.
func shownArgs(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case bindings.Callback, contract.FuncRef:
			out[i] = shownAs("function")
		case bindings.Ref:
			out[i] = shownAs(v.Type)
		default:
			out[i] = v
		}
	}
	return out
}

// shownAs stands for a value that has no text.
type shownAs string

// take gives the calls since the last time.
func (s *stage) take() []explained {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}
