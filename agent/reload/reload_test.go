package reload

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/dispatch"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/timer"
)

var workerPath string

func TestMain(m *testing.M) { workertest.Main(m, &workerPath) }

// folder is a watched directory with everything behind it.
type folder struct {
	t       testing.TB
	dir     string
	table   dispatch.Table
	reload  *Reloader
	changed chan struct{}
	said    chan string
	release chan struct{}
	lost    chan error

	alive, most atomic.Int32 // versions whose file has begun to run, now and at most
	kept        atomic.Int32 // handles that roles hold
}

// thing is what desk.keep gives.
type thing struct{ folder *folder }

func (t *thing) Close() error {
	t.folder.kept.Add(-1)
	return nil
}

func (f *folder) Emit(r wire.Result) error {
	f.said <- strings.Trim(string(r.Data), `"`)
	return nil
}

func (f *folder) Request(context.Context, string, any, any) error {
	return errors.New("no Engine here")
}

func (f *folder) desk() bindings.Binding {
	handles := []bindings.HandleType{{Name: "desk.Thing", Methods: map[string]bindings.Func{
		"use": {Do: func(context.Context, *thing) error { return nil }},
	}}}
	return bindings.Binding{Name: "desk", Handles: handles, Open: func(h bindings.Host) (*bindings.Instance, error) {
		now := f.alive.Add(1)
		for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
		}
		return &bindings.Instance{
			Funcs: map[string]bindings.Func{
				"say":  {Do: func(_ context.Context, v any) error { return h.Emit("said", v) }},
				"hold": {Waits: true, Do: f.hold},
				"keep": {Do: f.keep},
			},
			Close: func() error { f.alive.Add(-1); return nil },
		}, nil
	}}
}

func (f *folder) keep(context.Context) (bindings.Handle, error) {
	f.kept.Add(1)
	return bindings.Handle{Type: "desk.Thing", Value: &thing{f}}, nil
}

func (f *folder) hold(ctx context.Context) error {
	select {
	case <-f.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watchFolder watches a new directory until the test ends.
func watchFolder(t testing.TB, change ...func(*Config)) *folder {
	f := &folder{
		t: t, dir: t.TempDir(), changed: make(chan struct{}, 1), said: make(chan string, 10000),
		release: make(chan struct{}), lost: make(chan error, 100),
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	nursery := role.NewNursery(workerPath)
	t.Cleanup(nursery.Close)
	roles := role.Config{
		Workers: nursery, Agent: f, Limits: role.DefaultLimits(), Bindings: []bindings.Binding{f.desk(), timer.Binding},
		Place: func() bindings.Place { return bindings.Place{Context: "system"} },
		Log:   func(name string) *slog.Logger { return log.With("role", name) },
		Lost:  func(_ wire.Event, _ string, err error) { f.lost <- err },
	}
	cfg := Config{
		Dir: f.dir, Table: &f.table, Log: log, Changed: f.notify, Owned: Owned(), Times: DefaultTimes(),
		Start: func(ctx context.Context, src role.Source) (*role.Role, error) { return role.Start(ctx, roles, src) },
	}
	cfg.Times.Settle, cfg.Times.Rescan, cfg.Times.Restart = 10*time.Millisecond, 200*time.Millisecond, 10*time.Millisecond
	for _, c := range change {
		c(&cfg)
	}
	f.reload = New(cfg)
	f.run()
	return f
}

func (f *folder) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		f.reload.Run(ctx, func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 2*time.Second)
		})
	})
	f.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func (f *folder) notify() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// until waits for the status of a file to be as wanted.
func (f *folder) until(file string, ok func(Status) bool) Status {
	f.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		for _, s := range f.reload.Status() {
			if s.File == file && ok(s) {
				return s
			}
		}
		select {
		case <-f.changed:
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			f.t.Fatalf("%s did not come to the wanted state: %+v", file, f.reload.Status())
		}
	}
}

func (f *folder) untilState(file, state string) Status {
	f.t.Helper()
	return f.until(file, func(s Status) bool { return s.State == state })
}

// serves waits until a file serves with this very text.
func (f *folder) serves(name, text string) {
	f.t.Helper()
	want := file{sum: sum(text)}
	f.until(name, func(s Status) bool { return s.State == Running && s.Version == want.version() })
}

func (f *folder) save(file, text string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(f.dir, file)), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, file), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func sum(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

// saying is a role that answers the event "ask" with a word.
func saying(name, word string) string {
	return fmt.Sprintf(`ROLE_NAME = %q
ROLE_CONTEXTS = { "system" }
local Role = {}
function Role:register_events(events)
  events:on("ask", function(ev) desk.say(%q .. (ev.n or "")) end)
end
return Role
`, name, word)
}

// answers asks until the answer is the wanted word.
func (f *folder) answers(word string) {
	f.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)}) == 0 {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		select {
		case said := <-f.said:
			if said == word {
				return
			}
		case <-time.After(20 * time.Second):
		}
	}
	f.t.Fatalf("nobody says %q: %+v", word, f.reload.Status())
}

func TestASavedFileServes(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	f.answers("one")
	f.save("role_a.lua", saying("a", "two"))
	f.answers("two")
}

func TestABrokenSaveLeavesTheOldVersionServing(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	served := f.untilState("role_a.lua", Running)
	f.save("role_a.lua", strings.Replace(saying("a", "two"), "function(ev)", "function(ev", 1))
	s := f.until("role_a.lua", func(s Status) bool { return s.Refusal != nil })
	if s.State != Running || s.Version != served.Version || !strings.HasPrefix(s.Refusal.Reason, "role_a.lua:5:") {
		t.Fatalf("%+v, %+v", s, s.Refusal)
	}
	f.answers("one")
	f.save("role_a.lua", saying("a", "one"))
	f.until("role_a.lua", func(s Status) bool { return s.Refusal == nil && s.PID == served.PID })
}

func TestAFileCutShortIsRefused(t *testing.T) {
	f := watchFolder(t)
	whole := saying("a", "one")
	f.save("role_a.lua", whole)
	f.answers("one")
	lines := strings.SplitAfter(whole, "\n")
	for i := 1; i < len(lines)-1; i++ {
		cut := strings.Join(lines[:i], "")
		f.save("role_a.lua", cut)
		want := file{text: []byte(cut), sum: sum(cut)}
		f.until("role_a.lua", func(s Status) bool { return s.Refusal != nil && s.Refusal.Version == want.version() })
	}
	f.answers("one")
}

func TestATouchedFileIsNoChange(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	before := f.untilState("role_a.lua", Running)
	f.save("role_a.lua", saying("a", "one"))
	f.save("role_b.lua", saying("b", "other")) // once it serves, the touch has been seen
	f.untilState("role_b.lua", Running)
	if after := f.untilState("role_a.lua", Running); after.PID != before.PID {
		t.Fatal("a touched file was loaded again")
	}
}

// TestHoweverAnEditorSaves goes through the ways in which editors write.
func TestHoweverAnEditorSaves(t *testing.T) {
	ways := map[string]func(path, text string) error{
		"in place": func(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) },
		"rename over": func(path, text string) error {
			return errors.Join(os.WriteFile(path+".swp", []byte(text), 0o644), os.Rename(path+".swp", path))
		},
		"away and back": func(path, text string) error {
			return errors.Join(os.Rename(path, path+"~"), os.WriteFile(path, []byte(text), 0o644))
		},
		"in pieces": func(path, text string) error {
			w, err := os.Create(path)
			for i := 0; i < len(text) && err == nil; i += 50 {
				_, err = w.WriteString(text[i:min(i+50, len(text))])
				time.Sleep(3 * time.Millisecond)
			}
			return errors.Join(err, w.Close())
		},
		"hard link": func(path, text string) error {
			hidden := filepath.Join(filepath.Dir(path), "hidden")
			err := os.Link(path, hidden)
			return errors.Join(err, os.WriteFile(hidden, []byte(text), 0o644), os.Remove(hidden))
		},
	}
	for name, save := range ways {
		t.Run(name, func(t *testing.T) {
			f := watchFolder(t)
			f.save("role_a.lua", saying("a", "before"))
			f.answers("before")
			if err := save(filepath.Join(f.dir, "role_a.lua"), saying("a", "after")); err != nil {
				t.Fatal(err)
			}
			f.answers("after")
		})
	}
}

func TestADeletedFileStopsItsRole(t *testing.T) {
	f := watchFolder(t)
	path := filepath.Join(f.dir, "role_a.lua")
	f.save("role_a.lua", saying("a", "one"))
	s := f.untilState("role_a.lua", Running)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f.untilState("role_a.lua", Stopped)
	if n := f.table.Dispatch(wire.Event{Name: "ask"}); n != 0 {
		t.Fatalf("%d roles took an event", n)
	}
	f.save("role_a.lua", saying("a", "one"))
	f.answers("one")
	if f.untilState("role_a.lua", Running).PID == s.PID {
		t.Fatal("the stopped worker serves")
	}
}

func TestARenamedRoleKeepsNoTrace(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	f.answers("one")
	f.save("role_a.lua", saying("b", "two"))
	f.answers("two")
	if roles := f.table.Roles(); len(roles) != 1 || roles["b"] == nil {
		t.Fatalf("roles: %v", roles)
	}
}

func TestANameBelongsToOneFile(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	f.untilState("role_a.lua", Running)
	f.save("role_b.lua", saying("a", "two"))
	if s := f.untilState("role_b.lua", Refused); !strings.Contains(s.Reason, `"a" is taken by role_a.lua`) {
		t.Fatal(s.Reason)
	}
	f.answers("one")
}

func TestAChangedHelperReloadsWhoUsesIt(t *testing.T) {
	f := watchFolder(t)
	uses := strings.Replace(saying("a", "x"), `"x"`, `require("lib.word")`, 1)
	f.save("lib/word.lua", `return require("lib.deep.word")`)
	f.save("lib/deep/word.lua", `return "one"`)
	f.save("role_a.lua", uses)
	f.answers("one")
	f.save("role_b.lua", strings.ReplaceAll(saying("b", "other"), "ask", "never"))
	other := f.untilState("role_b.lua", Running)
	f.save("lib/deep/word.lua", `return "two"`)
	f.answers("two")
	if f.untilState("role_b.lua", Running).PID != other.PID {
		t.Fatal("a role that does not use the helper was loaded again")
	}
}

func TestAMissingHelperIsNamedAndItsComingMends(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", strings.Replace(saying("a", "x"), `"x"`, `require("lib.word")`, 1))
	if s := f.untilState("role_a.lua", Refused); !strings.Contains(s.Reason, "lib.word") {
		t.Fatal(s.Reason)
	}
	f.save("lib/word.lua", `return "here"`)
	f.answers("here")
}

func TestARoleForAnotherContextIsLeftAlone(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", strings.Replace(saying("a", "one"), `"system"`, `"interactive"`, 1))
	f.untilState("role_a.lua", OtherContext)
	f.save("role_a.lua", saying("a", "one"))
	f.answers("one")
	f.save("role_a.lua", strings.Replace(saying("a", "one"), `"system"`, `"interactive"`, 1))
	f.untilState("role_a.lua", OtherContext)
	if n := f.table.Dispatch(wire.Event{Name: "ask"}); n != 0 {
		t.Fatalf("%d roles took an event", n)
	}
}

func TestWhatIsNoRoleIsIgnored(t *testing.T) {
	f := watchFolder(t)
	for _, name := range []string{"role_a_test.lua", "notes.txt", "helper.lua", "role_a.lua.bak", "sub/role_x.lua"} {
		f.save(name, saying("x", "x"))
	}
	f.save("ROLE_Y.LUA", saying("y", "y"))
	f.untilState("ROLE_Y.LUA", Running)
	if all := f.reload.Status(); len(all) != 1 {
		t.Fatalf("%+v", all)
	}
}

func TestADeadWorkerIsStartedAgainAndTooManyDeathsQuarantine(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	for range maxDeaths {
		s := f.untilState("role_a.lua", Running)
		process, _ := os.FindProcess(s.PID)
		process.Kill()
		f.until("role_a.lua", func(now Status) bool { return now.PID != s.PID })
	}
	if s := f.untilState("role_a.lua", Quarantined); !strings.Contains(s.Reason, "worker died") {
		t.Fatal(s.Reason)
	}
	f.save("role_a.lua", saying("a", "mended"))
	f.answers("mended")
}

func TestNoEventIsLostOrHandledTwiceWhileVersionsChange(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "v"))
	f.untilState("role_a.lua", Running)
	const events, versions = 600, 12
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range events {
			f.table.Dispatch(wire.Event{Name: "ask", Data: fmt.Appendf(nil, `{"n":%d}`, i)})
			time.Sleep(time.Millisecond)
		}
	})
	for i := range versions {
		text := saying("a", "v") + fmt.Sprintf("-- version %d\n", i)
		text = strings.Replace(text, "return Role\n", "", 1) + "return Role\n"
		f.save("role_a.lua", text)
		f.serves("role_a.lua", text)
	}
	sending.Wait()
	seen := map[string]int{}
	for range events {
		seen[<-f.said]++
	}
	for i := range events {
		if n := seen[fmt.Sprint("v", i)]; n != 1 {
			t.Fatalf("event %d was handled %d times", i, n)
		}
	}
}

// TestAFileThatIsStillBeingWrittenDoesNotCount saves in pieces that are each a whole role, closer together than two
// looks lie apart: none but the last may ever serve.
func TestAFileThatIsStillBeingWrittenDoesNotCount(t *testing.T) {
	const settle = 200 * time.Millisecond
	f := watchFolder(t, func(c *Config) { c.Times.Settle = settle })
	last, busy := time.Now(), false
	for i := range 60 {
		f.save("role_a.lua", saying("a", fmt.Sprint("piece", i%30)))
		busy = busy || time.Since(last) > settle/2 // the machine let the file rest: then it may serve
		last = time.Now()
		time.Sleep(5 * time.Millisecond)
		if n := f.table.Dispatch(wire.Event{Name: "ask"}); n > 0 && !busy {
			t.Fatalf("piece %d serves", i)
		}
	}
	f.answers("piece29")
}

func TestAVersionThatFailsFromTheStartIsRolledBack(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "good"))
	f.serves("role_a.lua", saying("a", "good"))
	failing := strings.Replace(saying("a", "bad"), "desk.say", "error('worse') desk.say", 1)
	f.save("role_a.lua", failing)
	f.serves("role_a.lua", failing)
	for range 3 {
		f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)})
	}
	f.serves("role_a.lua", saying("a", "good"))
	f.answers("good")
	s := f.untilState("role_a.lua", Running)
	if s.Refusal == nil || s.Refusal.Version != (file{sum: sum(failing)}).version() || !strings.Contains(s.Refusal.Reason, "version before serves again") {
		t.Fatalf("%+v, %+v", s, s.Refusal)
	}
	f.save("role_a.lua", saying("a", "better"))
	f.answers("better")
}

func TestARenewalBringsTheSameBytesToLifeAgain(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	before := f.untilState("role_a.lua", Running)
	f.reload.Renew(nil)
	f.until("role_a.lua", func(s Status) bool { return s.State == Running && s.PID != before.PID })
	f.answers("one")
}

func TestADirectoryThatComesLaterOrIsReplacedIsFollowed(t *testing.T) {
	var dir string
	f := watchFolder(t, func(c *Config) { c.Dir = filepath.Join(c.Dir, "roles"); dir = c.Dir })
	f.save("roles/role_a.lua", saying("a", "one"))
	f.answers("one")
	f.save("next/role_a.lua", saying("a", "two"))
	if err := errors.Join(os.Rename(dir, dir+".old"), os.Rename(filepath.Join(f.dir, "next"), dir)); err != nil {
		t.Fatal(err)
	}
	f.answers("two")
}
