package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/control"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

type statusCmd struct {
	AtAgent
	JSON  bool `name:"json" help:"Print JSON instead of text; docs/control.md describes its fields."`
	Watch bool `help:"Go on, once a second, until interrupted; with --json one object each time."`
}

func (c *statusCmd) Help() string {
	return `Examples:
  borealis-agent status --home /opt/borealis
  borealis-agent status --home /opt/borealis --json
  borealis-agent status --home /opt/borealis --watch

Only the agent's own user and the administrator are answered. When no agent runs, the exit status is 1, and what an agent
last said of itself is shown.`
}

// seen is what is known of an agent.
type seen struct {
	Running bool `json:"running"`
	liveStatus
}

// clearScreen brings a terminal's cursor home and takes away what was there.
const clearScreen = "\x1b[H\x1b[2J"

// Run shows the status, once or until it is interrupted. An agent that ends meanwhile ends no watch: it may come back.
func (c *statusCmd) Run() error {
	if !c.Watch {
		return c.once()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		if !c.JSON {
			fmt.Print(clearScreen)
		}
		if err := c.once(); err != nil && !away(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// once asks the agents of a tree how they are. One that does not run is known by its last word.
func (c *statusCmd) once() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	agents := []seen{}
	err = c.ask(context.Background(), tree, "status", nil, func(answer json.RawMessage) error {
		agents = append(agents, seen{Running: true})
		return json.Unmarshal(answer, &agents[len(agents)-1].liveStatus)
	})
	if away(err) {
		last, why := c.lastWord(tree)
		agents, err = append(agents, last...), errors.Join(err, why)
	}
	if c.JSON {
		return errors.Join(writeJSON(os.Stdout, map[string]any{"agents": agents}), err)
	}
	for i, s := range agents {
		if i > 0 {
			fmt.Println()
		}
		if err := s.show(os.Stdout, time.Now()); err != nil {
			return err
		}
	}
	return err
}

// away says whether err means that no agent runs, or one that comes or goes at this moment.
func away(err error) bool { return errors.Is(err, errNoAgent) || errors.Is(err, control.ErrNoAgent) }

// lastWord is what an agent in a mode that is meant said of itself before it ended, if there is anything.
func (c *statusCmd) lastWord(tree *settings.Tree) ([]seen, error) {
	s, _, err := lastStatus(tree)
	if errors.Is(err, fs.ErrNotExist) || err == nil && c.Mode != "" && s.Mode != c.Mode {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []seen{{liveStatus: liveStatus{status: s}}}, nil
}

// show prints what an operator wants to know first, and what to mend.
func (s seen) show(w io.Writer, now time.Time) error {
	if s.Running {
		fmt.Fprintf(w, "Borealis agent %s, mode %s, process %d, up %s\n", printable(s.Version), printable(s.Mode), s.PID, since(s.Started, now))
	} else {
		fmt.Fprintf(w, "Borealis agent %s, mode %s, does not run: this is what it last said\n", printable(s.Version), printable(s.Mode))
	}
	if err := showRows(w, s.rows(now)); err != nil {
		return err
	}
	if len(s.Roles) > 0 {
		fmt.Fprintln(w)
		if err := listRoles(w, s.Roles); err != nil {
			return err
		}
	}
	if len(s.Health) > 0 {
		fmt.Fprintln(w, "\nhealth:")
		if err := showRows(w, healthRows(s.Health)); err != nil {
			return err
		}
	}
	return s.showErrors(w)
}

func showRows(w io.Writer, rows [][2]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(table, "  %s\t%s\n", printable(row[0]), printable(row[1]))
	}
	return table.Flush()
}

// rows are the lines of the overview: what it is about, and how it is.
func (s seen) rows(now time.Time) [][2]string {
	connection := "not connected"
	if s.Connected && s.Running {
		connection = "connected"
	}
	rows := [][2]string{
		{"enrollment", s.Enrollment},
		{"device", fmt.Sprintf("GUID %s, key %.16s", s.GUID, s.Fingerprint)},
		{"agent id", s.AgentID},
		{"Engine", s.Server + ", " + connection},
		{"trust", s.trust()},
		{"token", s.token(now)},
		{"signing key", map[bool]string{true: "stored", false: "none yet: no script can run"}[s.SigningKey]},
		{"outbox", fmt.Sprintf("%d waiting, %d passing ones let go", s.Outbox, s.OutboxDropped)},
		{"tunnel", s.tunnel(now)},
		{"log level", s.LogLevel},
	}
	if s.AllowAllGrants {
		rows = append(rows, [2]string{"policy", "set aside by --allow-all-grants"})
	}
	if s.AllowUnsigned {
		rows = append(rows, [2]string{"playbooks", "those that nobody has signed are run too: playbooks.allow_unsigned"})
	}
	if s.ClockSkew != 0 {
		rows = append(rows, [2]string{"clock", fmt.Sprintf("the Engine's is ahead by %d min; have this one set by a time server", s.ClockSkew)})
	}
	if s.LastError != "" {
		rows = append(rows, [2]string{"trouble", s.LastError})
	}
	if s.Mend != "" {
		rows = append(rows, [2]string{"mend", s.Mend})
	}
	return rows
}

func (s seen) tunnel(now time.Time) string {
	if len(s.Tunnels) == 0 {
		return "none"
	}
	t := s.Tunnels[0]
	handshake := "no handshake yet"
	if t.Handshake != 0 {
		handshake = fmt.Sprintf("handshake %s ago", since(t.Handshake, now))
	}
	return fmt.Sprintf("%s through %s, %s", t.Address, t.Endpoint, handshake)
}

func (s seen) trust() string {
	text := s.Trust
	if s.TrustOrigin != "" && s.TrustOrigin != s.Trust {
		text += ", first trusted by " + s.TrustOrigin
	}
	if s.BundleRefused {
		text += "; the Engine's own bundle does not fit its connection and is not pinned"
	}
	return text
}

func (s seen) token(now time.Time) string {
	if s.TokenExpires == 0 {
		return "none"
	}
	left := time.Unix(s.TokenExpires, 0).Sub(now).Round(time.Second)
	if left <= 0 {
		return fmt.Sprintf("expired %s ago", -left)
	}
	if s.TokenReceived == 0 {
		return fmt.Sprintf("good for %s", left)
	}
	return fmt.Sprintf("received %s ago, good for %s", since(s.TokenReceived, now), left)
}

// showErrors lists the last errors, each with its mend.
func (s seen) showErrors(w io.Writer) error {
	if len(s.LastErrors) == 0 {
		return nil
	}
	var out strings.Builder
	out.WriteString("\nlast errors:\n")
	for _, p := range s.LastErrors {
		fmt.Fprintf(&out, "  %s  %s: %s\n", clock(time.Unix(p.At, 0)), printable(p.Service), printable(p.Error))
		if p.Mend != "" {
			fmt.Fprintf(&out, "    mend: %s\n", printable(p.Mend))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func since(at int64, now time.Time) time.Duration {
	return now.Sub(time.Unix(at, 0)).Round(time.Second)
}
