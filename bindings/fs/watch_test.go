package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// listener is a role's function, which keeps what it is told.
type listener struct {
	t    *testing.T
	body func(ctx context.Context)

	mu       sync.Mutex
	told     []string
	running  bool
	released int
}

func (l *listener) Call(ctx context.Context, args ...any) error {
	c := args[0].(change)
	l.mu.Lock()
	if l.running || l.released > 0 {
		l.t.Error("called while it runs, or after it was released")
	}
	l.running = true
	l.told = append(l.told, c.Change+" "+filepath.ToSlash(c.Path))
	l.mu.Unlock()
	if l.body != nil {
		l.body(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = false
	return errors.New("what it does wrong is its own affair")
}

func (l *listener) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running {
		l.t.Error("released while it runs")
	}
	l.released++
}

// expect says what was told since it was last asked, and how often the function was let go of.
func (l *listener) expect(released int, told ...string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := append([]string{}, l.told...); !reflect.DeepEqual(got, append([]string{}, told...)) || l.released != released {
		l.t.Errorf("told %q, released %d times; want %q, %d", got, l.released, told, released)
	}
	l.told = nil
}

func (r *role) watch(path string, l *listener) bindings.Ref {
	r.Helper()
	return r.must("watch", path, l).(bindings.Ref)
}

func (r *role) closeHandle(ref bindings.Ref) {
	r.Helper()
	if _, err := r.set.Call(context.Background(), bindings.Call{Module: "fs", Ref: ref.ID, Func: "close"}); err != nil {
		r.Error(err)
	}
}

func (r *role) look() { r.host.Advance(lookPause) }

func TestAWatchedFile(t *testing.T) {
	r, l := newRole(t, "", "fs"), &listener{t: t}
	ref := r.watch("f", l)
	r.look()
	l.expect(0)
	r.must("write", "f", "1")
	r.look()
	l.expect(0, "created f")
	r.must("append", "f", "2")
	r.must("append", "f", "3")
	r.look()
	l.expect(0, "changed f")
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(r.data, "f"), at, at); err != nil {
		t.Fatal(err)
	}
	r.look()
	l.expect(0, "changed f")
	r.must("write", "other", "abc") // of the same size and time
	if err := os.Chtimes(filepath.Join(r.data, "other"), at, at); err != nil {
		t.Fatal(err)
	}
	r.must("rename", "other", "f")
	r.look()
	l.expect(0, "changed f")
	r.must("remove", "f")
	r.look()
	l.expect(0, "removed f")
	r.must("write", "f", "")
	r.must("remove", "f")
	r.look()
	l.expect(0)
	r.closeHandle(ref)
	r.must("write", "f", "")
	r.look()
	l.expect(1)
	if open := r.set.Open(); len(open) != 0 {
		t.Errorf("open: %v", open)
	}
}

func TestAWatchedDirectory(t *testing.T) {
	folder := layOut(t, map[string]string{"g/old": "", "g/sub/x": ""})
	r, l := newRole(t, folder, "fs.read:%s/g"), &listener{t: t}
	dir := filepath.Join(folder, "g")
	at := func(name string) string { return filepath.Join(dir, name) }
	slash := func(name string) string { return filepath.ToSlash(at(name)) }
	r.watch(dir, l)
	for name, text := range map[string]string{"b": "", "a": "", "old": "longer", "sub/y": "not directly in it"} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.look()
	l.expect(0, "created "+slash("a"), "created "+slash("b"), "changed "+slash("old"))
	if err := errors.Join(os.Rename(at("a"), at("c")), os.RemoveAll(at("sub"))); err != nil {
		t.Fatal(err)
	}
	r.look()
	l.expect(0, "removed "+slash("a"), "created "+slash("c"), "removed "+slash("sub"))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r.look()
	l.expect(0, "removed "+slash(""), "removed "+slash("b"), "removed "+slash("c"), "removed "+slash("old"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.look()
	l.expect(0, "created "+slash(""))
}

func TestAWatchIsGranted(t *testing.T) {
	folder := layOut(t, map[string]string{"g/f": "", "out/f": ""})
	r, l := newRole(t, folder, "fs.read:%s/g"), &listener{t: t}
	r.refused("denied", "watch", filepath.Join(folder, "out"), l)
	l.expect(1)
	r.refused("bad_path", "watch", "../x", l)
	l.expect(2)
	r.refused("misuse", "watch", "x")
}

func TestWatchesAreBounded(t *testing.T) {
	r, l := newRole(t, "", "fs"), &listener{t: t}
	r.must("mkdir", "many")
	for i := range maxWatched {
		if err := os.WriteFile(filepath.Join(r.data, "many", fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refs := []bindings.Ref{r.watch("many", l)}
	r.must("write", "many/one more", "")
	r.look()
	r.look()
	l.expect(0)
	if n := strings.Count(r.host.Logged(), "cannot be looked at"); n != 1 {
		t.Errorf("logged %d times: %s", n, r.host.Logged())
	}
	other := &listener{t: t}
	r.refused("too_large", "watch", "many", other)
	other.expect(1)
	r.must("remove", "many/0")
	r.look()
	l.expect(0, "removed many/0", "created many/one more")
	for len(refs) < maxWatches {
		refs = append(refs, r.watch("f", &listener{t: t}))
	}
	r.refused("limit", "watch", "f", other)
	other.expect(2)
	r.closeHandle(refs[0])
	l.expect(1)
	r.watch("f", other)
}

func TestAFunctionMayCloseItsOwnWatch(t *testing.T) {
	r := newRole(t, "", "fs")
	l := &listener{t: t}
	var ref bindings.Ref
	l.body = func(context.Context) { r.closeHandle(ref) }
	r.must("mkdir", "d")
	ref = r.watch("d", l)
	r.must("write", "d/a", "")
	r.must("write", "d/b", "")
	r.look()
	r.look()
	l.expect(1, "created d/a")
}

func TestTheEndWaitsForTheFunctionAndEndsItsContext(t *testing.T) {
	r := newRole(t, "", "fs")
	began := make(chan struct{})
	busy := &listener{t: t, body: func(ctx context.Context) { close(began); <-ctx.Done() }}
	r.watch("f", busy)
	idle := &listener{t: t}
	r.watch("g", idle)
	r.must("write", "f", "")
	var clock sync.WaitGroup
	clock.Go(r.look)
	<-began
	if err := r.set.Close(); err != nil {
		t.Error(err)
	}
	busy.expect(1, "created f")
	clock.Wait()
	r.look()
	idle.expect(1)
}
