package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
)

type roleCheckCmd struct {
	InHome
	JSON  bool     `name:"json" help:"Print JSON instead of text."`
	Files []string `arg:"" name:"file" help:"Role files; their helpers are those of lib beside them."`
}

func (c *roleCheckCmd) Help() string {
	return `Examples:
  borealis-agent role check role_hello.lua
  borealis-agent role check --home /opt/borealis --json Roles/role_*.lua

Each file is loaded in a worker as the agent would do it, and no call of it reaches the machine or the Engine. With
--home or BOREALIS_ROOT its grants are compared with those of the version that runs there, and with the policy. The
exit status is 1 when a file is refused.`
}

// checked is what is told of one file.
type checked struct {
	File     string   `json:"file"`
	OK       bool     `json:"ok"`
	Problems []string `json:"problems,omitempty"` // "file:line: text"
	Name     string   `json:"name,omitempty"`
	Version  string   `json:"version,omitempty"`
	Contexts []string `json:"contexts,omitempty"`
	Grants   []string `json:"grants,omitempty"`
	Helpers  []string `json:"helpers,omitempty"`
	Events   []string `json:"events,omitempty"`
	// Running is the version of this role that the machine's agent serves; Added and Dropped are the grants that this
	// file declares and that one does not, and the reverse.
	Running string   `json:"running,omitempty"`
	Added   []string `json:"grants_added,omitempty"`
	Dropped []string `json:"grants_dropped,omitempty"`
	// Withheld are the grants that the machine's policy does not allow.
	Withheld []string `json:"withheld,omitempty"`
}

// Run checks every file, and then says whether all could serve.
func (c *roleCheckCmd) Run() error {
	worker, err := workerPath()
	if err != nil {
		return err
	}
	nursery := role.NewNursery(worker)
	defer nursery.Close()
	compare, err := c.comparison()
	if err != nil {
		return err
	}
	results, refused := []checked{}, 0
	for _, file := range c.Files {
		r := check(context.Background(), nursery, file)
		if !r.OK {
			refused++
		} else if compare != nil {
			compare(&r)
		}
		results = append(results, r)
	}
	if err := c.print(os.Stdout, results); err != nil {
		return err
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d files refused", refused, len(results))
	}
	return nil
}

func (c *roleCheckCmd) print(w io.Writer, results []checked) error {
	if c.JSON {
		return writeJSON(w, results)
	}
	for _, r := range results {
		if _, err := io.WriteString(w, r.String()); err != nil {
			return err
		}
	}
	return nil
}

// check loads one file, in whichever context it is for.
func check(ctx context.Context, nursery *role.Nursery, file string) checked {
	src, err := reload.Read(file)
	var r *role.Role
	if err == nil {
		r, err = load(ctx, nursery, src, "system")
	}
	if errors.Is(err, role.ErrOtherContext) {
		r, err = load(ctx, nursery, src, "interactive")
	}
	var refused *role.RefusedError
	switch {
	case errors.As(err, &refused):
		return checked{File: file, Problems: refused.Problems}
	case err != nil:
		return checked{File: file, Problems: []string{err.Error()}}
	}
	r.Kill(role.ErrEnded) // and no stop_all: nothing was begun
	m := r.Manifest()
	return checked{
		File: file, OK: true, Name: m.Name, Version: m.Version(), Contexts: m.Contexts, Grants: m.Grants,
		Helpers: m.Requires, Events: r.Events(),
	}
}

func load(ctx context.Context, nursery *role.Nursery, src role.Source, in string) (*role.Role, error) {
	cfg, err := idleConfig(nursery, in)
	if err != nil {
		return nil, err
	}
	return start(ctx, cfg, src)
}

// start brings a role to life within the usual time.
func start(ctx context.Context, cfg role.Config, src role.Source) (*role.Role, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("did not come to life within 10 s"))
	defer cancel()
	return role.Start(ctx, cfg, src)
}

// idleConfig is that of a role behind which there is nothing.
func idleConfig(nursery *role.Nursery, in string) (role.Config, error) {
	host, err := os.Hostname()
	if err != nil {
		return role.Config{}, err
	}
	place := bindings.Place{Hostname: host, Context: in, ServiceMode: wire.System.ServiceMode(), Version: version}
	if in != "system" {
		place.ServiceMode = wire.CurrentUser.ServiceMode()
	}
	return role.Config{
		Workers: nursery, Bindings: idle(carried(all.List())), Agent: nothing{}, Limits: role.DefaultLimits(),
		Place: func() bindings.Place { return place },
		Log:   func(string) *slog.Logger { return slog.New(slog.DiscardHandler) },
		Lost:  func(wire.Event, string, error) {},
	}, nil
}

// comparison compares with what runs on this machine; nil when no machine's tree is named.
func (c *roleCheckCmd) comparison() (func(*checked), error) {
	tree, err := c.tree()
	if errors.Is(err, settings.ErrNoRoot) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := loadPolicy(tree)
	if err != nil {
		return nil, err
	}
	s, _, err := lastStatus(tree)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return func(r *checked) {
		_, r.Withheld = p.Grants(r.Name, r.Grants)
		i := slices.IndexFunc(s.Roles, func(now reload.Status) bool {
			return now.State == reload.Running && (now.File == filepath.Base(r.File) || now.Name == r.Name)
		})
		if i >= 0 {
			now := s.Roles[i]
			r.Running, r.Added, r.Dropped = now.Version, without(r.Grants, now.Grants), without(now.Grants, r.Grants)
		}
	}, nil
}

// without is a without what is in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// String tells of a file as a person reads it.
func (r checked) String() string {
	var out strings.Builder
	if !r.OK {
		fmt.Fprintf(&out, "%s: refused\n%s", printable(r.File), indented(strings.Join(r.Problems, "\n")))
		if mend := roleMendOf(strings.Join(r.Problems, "\n")); mend != "" {
			out.WriteString("  mend: " + printable(mend) + "\n")
		}
		return out.String()
	}
	fmt.Fprintf(&out, "%s: ok\n", printable(r.File))
	line := func(word string, things ...string) {
		if len(things) > 0 && things[0] != "" {
			fmt.Fprintf(&out, "  %-9s %s\n", word, printable(strings.Join(things, ", ")))
		}
	}
	line("name", r.Name)
	line("version", r.Version)
	line("contexts", r.Contexts...)
	line("events", r.Events...)
	line("helpers", r.Helpers...)
	line("grants", r.Grants...)
	line("running", r.Running)
	line("added", r.Added...)
	line("dropped", r.Dropped...)
	line("withheld", r.Withheld...)
	return out.String()
}
