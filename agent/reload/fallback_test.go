package reload

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// board is a shelf in memory.
type board struct {
	mu   sync.Mutex
	kept map[string]Kept
}

func (b *board) Load() (map[string]Kept, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.kept), nil
}

func (b *board) Save(file string, k *Kept) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k == nil {
		delete(b.kept, file)
		return nil
	}
	if b.kept == nil {
		b.kept = map[string]Kept{}
	}
	b.kept[file] = *k
	return nil
}

func (b *board) files() []string {
	all, _ := b.Load()
	return slices.Sorted(maps.Keys(all))
}

func (f *folder) remove(file string) {
	f.t.Helper()
	if err := os.Remove(filepath.Join(f.dir, file)); err != nil {
		f.t.Fatal(err)
	}
}

// shelving is an agent's life, which begins with what role_a.lua then holds, "" for no file, and ends with f; what it
// keeps stays on the board.
func shelving(t *testing.T, b *board, m *memory, text string, f func(*folder)) {
	t.Helper()
	t.Run("life", func(t *testing.T) {
		f(watchFolder(t, keeping(m), func(c *Config) {
			c.Shelf = b
			if text == "" {
				return
			}
			if err := os.WriteFile(filepath.Join(c.Dir, "role_a.lua"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}))
	})
}

func TestABrokenSaveDuringARestartLeavesTheLastGoodVersion(t *testing.T) {
	var b board
	var m memory
	good := strings.Replace(saying("a", "x"), `"x"`, `require("lib.word")`, 1)
	shelving(t, &b, &m, "", func(f *folder) {
		f.save("lib/word.lua", `return "good"`)
		f.save("lib/other.lua", `return 1`)
		f.save("role_a.lua", good)
		f.answers("good")
	})
	for range 2 { // what came from the shelf is still there for the next restart
		shelving(t, &b, &m, "nonsense", func(f *folder) {
			f.answers("good")
			s := f.until("role_a.lua", func(s Status) bool { return s.Refusal != nil })
			if s.State != Running || s.Version != (file{sum: sum(good)}).version() || !strings.Contains(s.Reason, "kept from before") {
				t.Errorf("%+v", s)
			}
			if s.Refusal.Version != (file{sum: sum("nonsense")}).version() || !strings.Contains(s.Refusal.Reason, "role_a.lua:1") {
				t.Errorf("%+v", s.Refusal)
			}
			if states := m.states(); !slices.Equal(states[len(states)-2:], []string{Refused, Running}) {
				t.Errorf("history: %v", states)
			}
			f.kill("role_a.lua") // it is a version as any other
			f.answers("good")
		})
	}
	shelving(t, &b, &m, saying("a", "mended"), func(f *folder) {
		f.answers("mended")
		if s := f.untilState("role_a.lua", Running); s.Reason != "" || s.Refusal != nil {
			t.Errorf("%+v", s)
		}
	})
}

func TestARestoredFileLeavesNoRemark(t *testing.T) {
	var b board
	var m memory
	good := saying("a", "good")
	shelving(t, &b, &m, good, func(f *folder) {
		f.answers("good")
		f.until("role_a.lua", func(Status) bool { return len(b.files()) == 1 })
	})
	shelving(t, &b, &m, "nonsense", func(f *folder) {
		s := f.until("role_a.lua", func(s Status) bool { return s.State == Running && s.Refusal != nil })
		f.save("role_a.lua", good)
		f.until("role_a.lua", func(now Status) bool { return now.PID == s.PID && now.Refusal == nil && now.Reason == "" })
	})
}

func TestNothingComesFromTheShelfThatShouldNot(t *testing.T) {
	for name, spoil := range map[string]func(f *folder, b *board){
		"damaged": func(_ *folder, b *board) {
			k := b.kept["role_a.lua"]
			k.Text = strings.Replace(k.Text, "good", "evil", 1)
			b.Save("role_a.lua", &k)
		},
		"its file went": func(f *folder, _ *board) {
			f.remove("role_a.lua")
			f.untilState("role_a.lua", Stopped)
		},
		"its file came to be for another context": func(f *folder, _ *board) {
			f.save("role_a.lua", strings.Replace(saying("a", "good"), `"system"`, `"interactive"`, 1))
			f.untilState("role_a.lua", OtherContext)
		},
		"quarantined": func(f *folder, _ *board) { f.killAll("role_a.lua") },
	} {
		t.Run(name, func(t *testing.T) {
			var b board
			var m memory
			shelving(t, &b, &m, saying("a", "good"), func(f *folder) {
				f.answers("good")
				f.until("role_a.lua", func(Status) bool { return len(b.files()) == 1 })
				spoil(f, &b)
			})
			shelving(t, &b, &m, "nonsense", func(f *folder) {
				if s := f.untilState("role_a.lua", Refused); !strings.HasPrefix(s.Reason, "role_a.lua:1") {
					t.Errorf("%+v", s)
				}
				f.save("role_b.lua", saying("b", "x"))
				f.untilState("role_b.lua", Running)
				f.untilState("role_a.lua", Refused)
			})
		})
	}
}

func TestWhatIsKeptOfAFileThatWentWhileNoAgentRanIsDropped(t *testing.T) {
	var b board
	var m memory
	shelving(t, &b, &m, saying("a", "good"), func(f *folder) {
		f.answers("good")
		f.until("role_a.lua", func(Status) bool { return len(b.files()) == 1 })
	})
	shelving(t, &b, &m, "", func(f *folder) {
		f.save("role_b.lua", saying("b", "x"))
		f.until("role_b.lua", func(Status) bool { return slices.Equal(b.files(), []string{"role_b.lua"}) })
	})
}

// A version that was saved while no agent ran may fail from the start as any other.
func TestAVersionIsRolledBackToOneFromBeforeTheRestart(t *testing.T) {
	var b board
	var m memory
	shelving(t, &b, &m, saying("a", "good"), func(f *folder) {
		f.answers("good")
		f.until("role_a.lua", func(Status) bool { return len(b.files()) == 1 })
	})
	failing := strings.Replace(saying("a", "bad"), "desk.say", "error('worse') desk.say", 1)
	shelving(t, &b, &m, failing, func(f *folder) {
		f.serves("role_a.lua", failing)
		for range 3 {
			f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)})
		}
		f.serves("role_a.lua", saying("a", "good"))
		f.answers("good")
	})
}

// Between a death and the next start, a broken save must not take the role away for good.
func TestABrokenSaveAfterADeathLeavesTheLastGoodVersion(t *testing.T) {
	f := watchFolder(t, func(c *Config) { c.Times.Restart = time.Hour })
	f.save("role_a.lua", saying("a", "good"))
	f.untilState("role_a.lua", Running)
	f.kill("role_a.lua")
	f.untilState("role_a.lua", Restarting)
	f.save("role_a.lua", "nonsense")
	f.answers("good")
	f.until("role_a.lua", func(s Status) bool { return s.State == Running && s.Refusal != nil })
}

// TestAStartForWhichTheMachineWasTooBusyIsTriedAgain lets the first attempts at one text fail as they do on a machine
// that has no time, or no process, to give.
func TestAStartForWhichTheMachineWasTooBusyIsTriedAgain(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context) error{
		"time":    func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		"process": func(context.Context) error { return fmt.Errorf("%w: no more", role.ErrNoWorker) },
	} {
		t.Run(name, func(t *testing.T) {
			var m memory
			var attempts atomic.Int32
			f := watchFolder(t, keeping(&m), func(c *Config) {
				start := c.Start
				c.Start = func(ctx context.Context, src role.Source) (*role.Role, error) {
					if strings.Contains(string(src.Text), "slow") && attempts.Add(1) <= 3 {
						ctx, cancel := context.WithTimeoutCause(ctx, time.Millisecond, fmt.Errorf("%w in time", errLate))
						defer cancel()
						return nil, fail(ctx)
					}
					return start(ctx, src)
				}
			})
			f.save("role_a.lua", saying("a", "first"))
			f.answers("first")
			f.save("role_a.lua", saying("a", "slow"))
			f.answers("slow")
			if s := f.untilState("role_a.lua", Running); s.Refusal != nil {
				t.Errorf("%+v", s.Refusal)
			}
			if states := m.states(); !slices.Equal(states, []string{Running, Refused, Running}) {
				t.Errorf("history: %v", states)
			}
		})
	}
}

func TestAStoppedRoleStaysAsItIs(t *testing.T) {
	var m memory
	f := watchFolder(t, keeping(&m))
	f.save("role_a.lua", saying("a", "one"))
	f.untilState("role_a.lua", Running)
	f.remove("role_a.lua")
	s := f.untilState("role_a.lua", Stopped)
	for s.Since == time.Now().Unix() { // until a change of it would show
		time.Sleep(10 * time.Millisecond)
	}
	for i := range 3 { // each looks at the directory anew
		text := saying("b", fmt.Sprint(i))
		f.save("role_b.lua", text)
		f.serves("role_b.lua", text)
	}
	if now := f.untilState("role_a.lua", Stopped); now.Since != s.Since {
		t.Errorf("stopped since %d, then since %d", s.Since, now.Since)
	}
}

func TestTheEndOfTheAgentRefusesNothing(t *testing.T) {
	var f *folder
	t.Run("agent", func(t *testing.T) {
		begun := make(chan struct{}, 1)
		f = watchFolder(t, func(cfg *Config) {
			cfg.Start = func(ctx context.Context, _ role.Source) (*role.Role, error) {
				begun <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		f.save("role_a.lua", "-- never judged")
		<-begun
	})
	for _, s := range f.reload.Status() {
		if s.State == Refused || s.Refusal != nil {
			t.Errorf("%+v", s)
		}
	}
}
