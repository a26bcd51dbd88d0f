package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// atOnce is how many offenders serve beside the bystander at a time.
const atOnce = 8

// forEver is in those whose handlers wait for so long that their role, when its file is gone, drains until the agent ends.
const forEver = "timer.sleep(3600)"

// heartbeat is the Engine's. It is short since results of which the Engine says nothing count as delivered with the next
// beat, and the outbox sends one after the other.
const heartbeat = 50 * time.Millisecond

// The bystander asks for nothing but to be let answer.
const bystander = `ROLE_NAME = "bystander"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine" }
local Role = {}
function Role:register_events(events)
  events:on("ping", function(ev) assert(engine.emit("pong", { n = ev.n })) end)
end
return Role
`

const secret = "canary-0xC0FFEE"

// court is an agent that offenders are brought before, with everything that they must leave alone.
type court struct {
	*device
	canary string       // a directory that no grant reaches but where a case says so
	web    string       // a web server that only the grant for its host reaches
	hits   atomic.Int64 // the web server's
	heard  int          // bytes of the agent's log that are in lines
	lines  map[string][]string
	pinged int
	at     time.Time // of the last ping
	ponged int
	worst  time.Duration
	socket string // the one connection to the Engine
}

func newCourt(t *testing.T) *court {
	c := &court{canary: filepath.Join(t.TempDir(), "canary"), lines: map[string][]string{}}
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { c.hits.Add(1) }))
	t.Cleanup(web.Close)
	c.web = web.URL
	for path, text := range map[string]string{"secret": secret, "open/readable": "readable", "openly": secret} {
		path = filepath.Join(c.canary, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(c.canary, "secret"), filepath.Join(c.canary, "open", "link")); err != nil {
		t.Fatal(err)
	}
	c.device = newDevice(t, enginetest.Start(t, enginetest.Config{AutoApprove: true, PingInterval: heartbeat}), map[string]string{
		"role_bystander.lua": bystander,
		"lib/forever.lua":    "while true do end",
		"lib/itself.lua":     `return require "lib.itself"`,
		"lib/hoard.lua":      `local kept = {} return function() for i = 1, 1e7 do kept[#kept + 1] = ("x"):rep(100000) .. i end end`,
	})
	c.start()
	c.serving("role_bystander.lua")
	return c
}

// hear sorts what the agent has logged since by role. Every line must be one of the log's own: none is forged.
func (c *court) hear() {
	text := c.log.String()[c.heard:]
	text = text[:strings.LastIndexByte(text, '\n')+1]
	c.heard += len(text)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !logLine.MatchString(line) {
			c.t.Errorf("no line of the log's: %.300q", line)
		}
		if strings.Contains(line, secret) {
			c.t.Errorf("the secret is in the log: %.300s", line)
		}
		if m := logRole.FindStringSubmatch(line); m != nil {
			c.lines[m[1]] = append(c.lines[m[1]], strings.ReplaceAll(line, `\"`, `"`))
		}
	}
}

var (
	logLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d-[a-z0-9_]+-[[:print:]]*[^\x00-\x1f\x7f]*$`)
	logRole = regexp.MustCompile(` role=(\w+)`)
)

// attend keeps the bystander answering: as soon as it has, it is asked again. It must be asked anew by each batch, and
// answer at the end. Whatever else reaches the Engine must have been granted.
func (c *court) attend() {
	c.t.Helper()
	select {
	case <-c.exited:
		c.t.Fatalf("the agent died:\n%.20000s", c.log)
	default:
	}
	c.hear()
	for _, ev := range c.engine.Events() {
		switch {
		case ev.Event == "pong":
			c.pong(ev)
		case ev.Event == "granted", strings.HasPrefix(ev.Event, "connect"), ev.AgentID == "":
		case strings.Contains(string(ev.Data), secret), ev.Event == "stolen":
			c.t.Fatalf("a line was crossed: %s %.300s", ev.Event, ev.Data)
		}
	}
	switch wait := time.Since(c.at); {
	case c.ponged == c.pinged:
		c.pinged++
		c.at = time.Now()
		c.emit("ping", map[string]any{"n": c.pinged})
	case wait > patience:
		c.t.Fatalf("the bystander has not answered ping %d for %v", c.pinged, wait)
	}
}

func (c *court) pong(ev enginetest.Received) {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(string(ev.Data), `{"n":`), "}"))
	if err != nil || n > c.pinged {
		c.t.Fatalf("no answer of the bystander's: %s", ev.Data)
	}
	if c.socket == "" {
		c.socket = ev.SocketID
	}
	if ev.SocketID != c.socket {
		c.t.Fatal("the agent has lost its connection to the Engine")
	}
	if n > c.ponged {
		c.ponged = n
		c.worst = max(c.worst, time.Since(c.at))
	}
}

func (c *court) emit(event string, data any) {
	c.t.Helper()
	if err := c.engine.Emit("", event, data); err != nil {
		c.t.Fatal(err)
	}
}

// breathe waits until the bystander has answered again: by then the agent has read whatever was sent before.
func (c *court) breathe() {
	c.t.Helper()
	for asked := c.pinged + 1; c.ponged < asked; time.Sleep(5 * time.Millisecond) {
		c.attend()
	}
}

// try serves some offenders at once, has each of them offend, and waits until each has met its end.
func (c *court) try(batch []*offence) {
	c.t.Helper()
	for _, o := range batch {
		c.save(o.file(), o.source(c))
	}
	c.wait("load", batch, (*offence).loads)
	first := c.pinged + 1
	for _, o := range batch {
		if o.state == "running" {
			o.commit(c)
		}
	}
	c.wait("end", batch, (*offence).ended)
	c.wait("be survived by the bystander", batch, func(*offence, *court) bool { return c.ponged > first })
	for _, program := range started(c.cmd.Process.Pid) {
		if program != "borealis-worker" {
			c.t.Errorf("the agent has started %q", program)
		}
	}
	for _, o := range batch {
		os.Remove(filepath.Join(c.roles(), o.file()))
	}
}

// wait looks until something holds for each offender.
func (c *court) wait(what string, batch []*offence, holds func(*offence, *court) bool) {
	c.t.Helper()
	left := slices.Clone(batch)
	for deadline := time.Now().Add(patience); ; time.Sleep(15 * time.Millisecond) {
		c.attend()
		states := map[string]verdict{}
		for _, r := range c.status().Roles {
			states[r.File] = verdict{r.State, r.Reason}
		}
		left = slices.DeleteFunc(left, func(o *offence) bool {
			o.verdict = states[o.file()]
			return o.failed || holds(o, c)
		})
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			for _, o := range left {
				o.wrong(c, "did not "+what)
			}
			return
		}
	}
}

// adjourn checks what must hold when all is over: nothing is left but the bystander, and nothing was touched.
func (c *court) adjourn(lingering int) {
	c.t.Helper()
	c.until("the workers of what is gone to be gone", func() bool {
		return len(started(c.cmd.Process.Pid)) <= 1+lingering
	})
	c.attend()
	if n := c.hits.Load(); n > 0 {
		c.t.Errorf("the web server was reached %d times", n)
	}
	var found []string
	filepath.WalkDir(c.canary, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(c.canary, path)
		found = append(found, rel)
		return err
	})
	text, _ := os.ReadFile(filepath.Join(c.canary, "secret"))
	if want := []string{".", "open", "open/link", "open/readable", "openly", "secret"}; !slices.Equal(found, want) || string(text) != secret {
		c.t.Errorf("the canary is touched: %q, %q", found, text)
	}
	c.t.Logf("the bystander answered %d times, at worst after %v", c.ponged, c.worst.Round(time.Millisecond))
}

// TestNoRoleFileHurtsTheAgent holds the first promise of docs/sandbox.md, in which it keeps the table of its cases.
func TestNoRoleFileHurtsTheAgent(t *testing.T) {
	kinds := corpus(t)
	compareTable(t, kinds)
	for _, court := range courts(t, kinds) {
		t.Run(court.name, func(t *testing.T) {
			t.Parallel()
			newCourt(t).sit(t, court.kinds)
		})
	}
}

// sit tries kind after kind in one agent.
func (c *court) sit(t *testing.T, kinds []kind) {
	lingering := 0
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			c.t = t
			for batch := range slices.Chunk(k.offences, atOnce) {
				c.try(batch)
			}
		})
		for _, o := range k.offences {
			if strings.Contains(o.text, forEver) {
				lingering++
			}
		}
	}
	c.t = t
	c.adjourn(lingering)
}

// wrong says what is not as expected of an offender, and what was seen of it.
func (o *offence) wrong(c *court, what string) {
	c.t.Helper()
	o.failed = true
	lines := c.lines[o.roleName()]
	var seen strings.Builder
	for _, line := range lines[max(0, len(lines)-6):] {
		fmt.Fprintf(&seen, "\n\t%.500s", line)
	}
	c.t.Errorf("%s: %s: want %q; %s %.500q%s", o.roleName(), what, o.want, o.state, o.reason, seen.String())
}
