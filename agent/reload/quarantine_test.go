package reload

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// memory is a store of sentences, a history and the requests of an operator.
type memory struct {
	mu        sync.Mutex
	sentences map[string]Sentence
	entries   []Entry
	released  []string
}

func (m *memory) Load() (map[string]Sentence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.sentences), nil
}

func (m *memory) Save(all map[string]Sentence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sentences = all
	return nil
}

func (m *memory) note(e Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, e)
}

func (m *memory) takeReleased() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := m.released
	m.released = nil
	return names
}

func (m *memory) release(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.released = append(m.released, name)
}

// states are those of the history so far.
func (m *memory) states() (states []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		states = append(states, e.State)
	}
	return states
}

// keeping makes a reloader use a memory.
func keeping(m *memory) func(*Config) {
	return func(c *Config) { c.History, c.Quarantine, c.Released = m.note, m, m.takeReleased }
}

// killAll kills a role's worker until it is quarantined.
func (f *folder) killAll(file string) Status {
	f.t.Helper()
	for range maxDeaths {
		f.kill(file)
	}
	return f.untilState(file, Quarantined)
}

// kill kills a role's worker once it runs, and waits until that is known.
func (f *folder) kill(file string) {
	f.t.Helper()
	s := f.untilState(file, Running)
	process, err := os.FindProcess(s.PID)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.until(file, func(now Status) bool { return now.PID != s.PID })
}

func TestQuarantineSurvivesARestart(t *testing.T) {
	var m memory
	t.Run("before", func(t *testing.T) { // its end ends its reloader, and removes its directory
		f := watchFolder(t, keeping(&m))
		f.save("role_a.lua", saying("a", "one"))
		f.save("role_b.lua", saying("b", "two"))
		f.untilState("role_b.lua", Running)
		f.killAll("role_a.lua")
	})
	f := watchFolder(t, keeping(&m))
	f.save("role_a.lua", saying("a", "one"))
	f.save("role_b.lua", saying("b", "two"))
	s := f.untilState("role_a.lua", Quarantined)
	if s.Name != "a" || s.Version == "" || !strings.HasPrefix(s.Reason, "died 5 times in 10m0s, last: ") {
		t.Errorf("%+v", s)
	}
	f.untilState("role_b.lua", Running)
	if absent := f.reload.Absent("ask"); len(absent) != 1 || absent[0].Name != "a" {
		t.Errorf("absent: %+v", absent)
	}
	if absent := f.reload.Absent("other"); len(absent) != 0 {
		t.Errorf("absent: %+v", absent)
	}
	if err := os.Remove(filepath.Join(f.dir, "role_a.lua")); err != nil {
		t.Fatal(err)
	}
	f.untilState("role_a.lua", Stopped)
	f.save("role_a.lua", saying("a", "one"))
	f.untilState("role_a.lua", Quarantined) // away and back is no new content
	f.save("role_a.lua", saying("a", "mended"))
	f.serves("role_a.lua", saying("a", "mended"))
	if kept, _ := m.Load(); len(kept) != 0 {
		t.Errorf("kept: %+v", kept)
	}
}

func TestAnOperatorReleases(t *testing.T) {
	for _, name := range []string{"a", "role_a.lua"} {
		t.Run(name, func(t *testing.T) {
			var m memory
			f := watchFolder(t, keeping(&m))
			f.save("role_a.lua", saying("a", "one"))
			f.killAll("role_a.lua")
			m.release("other")
			m.release(name)
			f.untilState("role_a.lua", Running)
			f.answers("one")
			if kept, _ := m.Load(); len(kept) != 0 {
				t.Errorf("kept: %+v", kept)
			}
			if states := m.states(); !slices.Equal(states[len(states)-3:], []string{Quarantined, Released, Running}) {
				t.Errorf("history: %v", states)
			}
		})
	}
}

func TestARenewalReleasesNothing(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	f.killAll("role_a.lua")
	f.reload.Renew(nil)
	f.save("role_b.lua", saying("b", "two")) // once it serves, the renewal has been heard
	f.untilState("role_b.lua", Running)
	f.untilState("role_a.lua", Quarantined)
}

// broken is a store that neither gives nor takes.
type broken struct{}

func (broken) Load() (map[string]Sentence, error) { return nil, errors.New("no disk") }
func (broken) Save(map[string]Sentence) error     { return errors.New("no disk") }

func TestABrokenStoreKeepsNobodyFromBeingQuarantined(t *testing.T) {
	f := watchFolder(t, func(c *Config) { c.Quarantine = broken{} })
	f.save("role_a.lua", saying("a", "one"))
	f.killAll("role_a.lua")
	f.save("role_a.lua", saying("a", "mended"))
	f.answers("mended")
}

func TestTheHistoryTellsEveryTurn(t *testing.T) {
	var m memory
	f := watchFolder(t, keeping(&m))
	f.save("role_a.lua", saying("a", "one"))
	one := f.untilState("role_a.lua", Running).Version
	f.save("role_a.lua", "nonsense")
	refused := f.until("role_a.lua", func(s Status) bool { return s.Refusal != nil }).Refusal
	f.save("role_a.lua", saying("a", "two"))
	f.serves("role_a.lua", saying("a", "two"))
	if err := os.Remove(filepath.Join(f.dir, "role_a.lua")); err != nil {
		t.Fatal(err)
	}
	f.untilState("role_a.lua", Stopped)
	f.save("role_b.lua", saying("b", "x")) // two looks later nothing has been added
	f.untilState("role_b.lua", Running)

	if states := m.states(); !slices.Equal(states, []string{Running, Refused, Running, Stopped, Running}) {
		t.Fatalf("history: %v", states)
	}
	if e := m.entries[0]; e.Name != "a" || e.File != "role_a.lua" || e.Version != one || e.Reason != "" || e.Time.IsZero() {
		t.Errorf("%+v", e)
	}
	if e := m.entries[1]; e.Name != "a" || e.Version != refused.Version || e.Reason != refused.Reason {
		t.Errorf("%+v", e)
	}
	if e := m.entries[3]; e.Version != m.entries[2].Version || e.Reason != "the file is gone" {
		t.Errorf("%+v", e)
	}
}

func TestARenewalIsForThoseThatItIsMeantFor(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	f.save("role_b.lua", strings.ReplaceAll(saying("b", "two"), "ask", "never"))
	a, b := f.untilState("role_a.lua", Running), f.untilState("role_b.lua", Running)
	f.reload.Renew(func(s Status) bool { return s.Name == "a" })
	f.until("role_a.lua", func(s Status) bool { return s.State == Running && s.PID != a.PID })
	if f.untilState("role_b.lua", Running).PID != b.PID {
		t.Error("a role was renewed that was not meant")
	}
}

// While the file holds what was refused, the version before it is the one that comes back: after a death, and when
// what it was told at its start has changed.
func TestTheLastGoodVersionComesBackBesideARefusal(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "good"))
	f.untilState("role_a.lua", Running)
	f.save("role_a.lua", "nonsense")
	f.until("role_a.lua", func(s Status) bool { return s.Refusal != nil })
	f.kill("role_a.lua")
	f.answers("good")
	s := f.until("role_a.lua", func(s Status) bool { return s.State == Running && s.Refusal != nil })
	f.reload.Renew(nil)
	f.until("role_a.lua", func(now Status) bool { return now.State == Running && now.PID != s.PID && now.Refusal != nil })
	f.answers("good")
}

// A version that was only brought to life again has none before it that would be better.
func TestARenewedVersionIsNotRolledBackToItself(t *testing.T) {
	var m memory
	f := watchFolder(t, keeping(&m))
	f.save("role_a.lua", strings.Replace(saying("a", "one"), `desk.say(`, `error("no") desk.say(`, 1))
	before := f.untilState("role_a.lua", Running)
	f.reload.Renew(nil)
	f.until("role_a.lua", func(s Status) bool { return s.State == Running && s.PID != before.PID })
	for range 10 {
		f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)})
	}
	for range 10 {
		<-f.lost
	}
	f.save("role_b.lua", saying("b", "two")) // once it serves, whatever else was due has happened
	f.untilState("role_b.lua", Running)
	if states := m.states(); slices.Contains(states, RolledBack) {
		t.Errorf("history: %v", states)
	}
}
