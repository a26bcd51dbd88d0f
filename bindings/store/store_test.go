package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// childEnv makes this program the child of a test: it holds the data directory in which it is to set values.
const childEnv = "STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		setForever(dir)
	}
	goleak.VerifyTestMain(m)
}

// role is one version of a role with the module open.
type role struct {
	testing.TB
	host *hosttest.Host
	set  *bindings.Set
}

func newRole(t testing.TB, b bindings.Binding, data string) *role {
	t.Helper()
	host := hosttest.New(data)
	set, err := bindings.Open(host, []bindings.Binding{b}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &role{t, host, set}
	t.Cleanup(r.end)
	return r
}

func (r *role) end() {
	if err := r.set.Close(); err != nil {
		r.Error(err)
	}
}

func (r *role) call(fn string, args ...any) (any, error) {
	return r.set.Call(context.Background(), bindings.Call{Module: "store", Func: fn, Args: args})
}

func (r *role) must(fn string, args ...any) any {
	r.Helper()
	v, err := r.call(fn, args...)
	if err != nil {
		r.Fatalf("%s %.60q: %v", fn, args, err)
	}
	return v
}

func (r *role) refused(code, fn string, args ...any) {
	r.Helper()
	if v, err := r.call(fn, args...); codeOf(err) != code {
		r.Errorf("%s %.60q: %v, %v; want the code %q", fn, args, v, err, code)
	}
}

func codeOf(err error) string {
	var failed *bindings.Error
	var wrong *bindings.Misuse
	switch {
	case errors.As(err, &wrong):
		return "misuse"
	case errors.As(err, &failed):
		return failed.Code
	}
	return ""
}

// dataDir is the data directory of a role, in a folder of its own that does not exist yet.
func dataDir(t testing.TB) string { return filepath.Join(t.TempDir(), "RoleData", "r") }

func fileOf(t testing.TB, data string) string {
	t.Helper()
	path, err := filePath(hosttest.New(data).Place())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatIsSetIsThereAfterARestart(t *testing.T) {
	data := dataDir(t)
	r := newRole(t, New(), data)
	if got := r.must("get", "k"); got != nil {
		t.Errorf("before it was set: %v", got)
	}
	r.must("set", "k", "first")
	r.must("set", "k", map[string]any{"n": 1.5, "list": []any{true, "x"}})
	r.must("set", "gone", "x")
	if got := r.must("delete", "gone"); got != true {
		t.Errorf("delete = %v", got)
	}
	if got := r.must("delete", "gone"); got != false {
		t.Errorf("a second delete = %v", got)
	}
	r.end()
	again := newRole(t, New(), data)
	want := map[string]any{"n": 1.5, "list": []any{true, "x"}}
	if got := again.must("get", "k"); !reflect.DeepEqual(got, want) {
		t.Errorf("after the restart: %v", got)
	}
	if got := again.must("keys"); !reflect.DeepEqual(got, []any{"k"}) {
		t.Errorf("keys after the restart: %v", got)
	}
}

func TestKeysAreSorted(t *testing.T) {
	r := newRole(t, New(), dataDir(t))
	if got := r.must("keys"); !reflect.DeepEqual(got, []any{}) {
		t.Errorf("keys of nothing: %v", got)
	}
	want := []string{"\x00", "B", "a", "a/1", "a/10", "a/2", "b", "\xff", "\xff\xff"}
	for _, k := range []int{4, 1, 8, 0, 6, 3, 5, 7, 2} {
		r.must("set", want[k], true)
	}
	for prefix, want := range map[string][]string{
		"": want, "a": {"a", "a/1", "a/10", "a/2"}, "a/": {"a/1", "a/10", "a/2"}, "a/10": {"a/10"}, "c": {}, "\xff": {"\xff", "\xff\xff"},
	} {
		got := []string{}
		for _, k := range r.must("keys", prefix).([]any) {
			got = append(got, k.(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("keys(%q) = %q, want %q", prefix, got, want)
		}
	}
}

func TestTwoVersionsShareTheirStore(t *testing.T) {
	b, data := New(), dataDir(t)
	old, next := newRole(t, b, data), newRole(t, b, data)
	var both sync.WaitGroup
	for i, r := range []*role{old, next} {
		both.Go(func() {
			for n := range 50 {
				if _, err := r.call("set", fmt.Sprint(i, "/", n), float64(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	if a, b := old.must("keys").([]any), next.must("keys").([]any); len(a) != 100 || !reflect.DeepEqual(a, b) {
		t.Errorf("the old sees %d keys, the new %d", len(a), len(b))
	}
	old.end()
	next.must("set", "after", "the old one left")
	if got := next.must("get", "1/49"); got != 49.0 {
		t.Errorf("after the old one left: %v", got)
	}
	if _, err := old.call("get", "after"); codeOf(err) != "cancelled" {
		t.Errorf("the old one, after its end: %v", err)
	}
	next.end()
	later := newRole(t, b, data)
	if got := later.must("get", "after"); got != "the old one left" {
		t.Errorf("reopened by the same binding: %v", got)
	}
}

func TestRolesAndModesHaveTheirOwn(t *testing.T) {
	b, folder := New(), t.TempDir()
	newRole(t, b, filepath.Join(folder, "a")).must("set", "k", "a")
	other := newRole(t, b, filepath.Join(folder, "b"))
	user := newRole(t, b, filepath.Join(folder, "a"))
	user.host.Where.ServiceMode = "currentuser"
	for _, r := range []*role{other, user} {
		if got := r.must("get", "k"); got != nil {
			t.Errorf("sees another's value: %v", got)
		}
	}
}

func TestTheFileIsPrivateAndOutOfReachOfFS(t *testing.T) {
	data := dataDir(t)
	newRole(t, New(), data).must("set", "k", true)
	path := fileOf(t, data)
	found, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && found.Mode() != 0o600 {
		t.Errorf("mode %v", found.Mode())
	}
	if within, err := filepath.Rel(data, path); err == nil && filepath.IsLocal(within) {
		t.Errorf("%s is within %s", path, data)
	}
}

func TestARoleThatKeepsNothingHasNoFile(t *testing.T) {
	data := dataDir(t)
	newRole(t, New(), data).end()
	if _, err := os.Stat(filepath.Dir(data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is something: %v", err)
	}
}

func TestAnotherProcessIsToldSo(t *testing.T) {
	data := dataDir(t)
	newRole(t, New(), data).must("set", "k", "mine")
	second := newRole(t, New(), data) // its own registry, as another process has
	_, err := second.call("get", "k")
	if codeOf(err) != "in_use" || !strings.Contains(err.Error(), "another process") {
		t.Errorf("the second: %v", err)
	}
}

func TestWithoutADataDirectory(t *testing.T) {
	r := newRole(t, New(), "")
	r.refused("failed", "set", "k", true)
}

func TestMisuse(t *testing.T) {
	r := newRole(t, New(), dataDir(t))
	long := strings.Repeat("k", maxKey+1)
	for _, key := range []string{"", long} {
		r.refused("misuse", "get", key)
		r.refused("misuse", "set", key, true)
		r.refused("misuse", "delete", key)
	}
	r.must("set", long[1:], "just fits")
	for _, value := range []any{nil, bindings.Null{}, math.NaN(), math.Inf(1), []any{bindings.Ref{ID: 1}}} {
		r.refused("misuse", "set", "k", value)
	}
	r.refused("misuse", "set", "k")
}

func TestOneValueIsBounded(t *testing.T) {
	r := newRole(t, New(), dataDir(t))
	just := strings.Repeat("\xff", 256<<10)
	r.must("set", "k", just)
	r.refused("too_large", "set", "k", just+"x")
	r.refused("too_large", "set", "k", strings.Repeat("x", 8<<20))
	r.refused("too_large", "set", "k", []any{just, "x"})
	var deep any = "x"
	for range bindings.MaxJSONDepth {
		deep = []any{deep}
	}
	r.must("set", "deep", deep)
	if got := r.must("get", "deep"); !reflect.DeepEqual(got, deep) {
		t.Error("the deepest value came back otherwise")
	}
	r.refused("too_large", "set", "deep", []any{deep})
	flags := make([]any, 200_000) // its JSON is far longer than what is kept
	for i := range flags {
		flags[i] = false
	}
	r.must("set", "flags", flags)
	if got := r.must("get", "k"); got != just {
		t.Error("a refused value changed the one that was there")
	}
}

func TestAFullStoreSaysSoAndKeepsWhatItHas(t *testing.T) {
	data := dataDir(t)
	r := newRole(t, New(), data)
	piece := strings.Repeat("v", 256<<10-10)
	var n int
	for ; n < 100; n++ {
		_, err := r.call("set", fmt.Sprint(n), piece)
		if err == nil {
			continue
		}
		if codeOf(err) != "full" || !strings.Contains(err.Error(), "delete") {
			t.Fatal(err)
		}
		break
	}
	if n != 16 {
		t.Errorf("%d values of 256 KiB fit", n)
	}
	r.end()
	r = newRole(t, New(), data) // what is used is counted anew
	r.refused("full", "set", "another", piece)
	r.must("set", "3", piece[:len(piece)-1])
	r.must("set", "another", "small")
	r.must("delete", "3")
	r.must("set", "another", piece[:len(piece)-10])
	if got := r.must("keys").([]any); len(got) != 16 {
		t.Errorf("%d keys", len(got))
	}
	if found, err := os.Stat(fileOf(t, data)); err != nil || found.Size() > 8*maxBytes {
		t.Errorf("the file has %d bytes: %v", found.Size(), err)
	}
}

func TestKeysAreBounded(t *testing.T) {
	data := dataDir(t)
	d, err := openOrReplace(fileOf(t, data), hosttest.New(data).Log())
	if err != nil {
		t.Fatal(err)
	}
	form, _ := newCodec()
	raw, _ := form.encode(true)
	err = d.bolt.Update(func(tx *bbolt.Tx) error { // in one go: ten thousand waits for a disk are long
		for i := range maxKeys {
			if err := bucket(tx).Put([]byte(fmt.Sprint(i)), raw); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, d.close()); err != nil {
		t.Fatal(err)
	}
	r := newRole(t, New(), data)
	r.refused("full", "set", "one more", true)
	r.must("set", "7", "another value under the same key")
	r.must("delete", "8")
	r.must("set", "one more", true)
	r.refused("full", "set", "8", true)
}

func TestACancelledCallDoesNotWaitForItsTurn(t *testing.T) {
	log := hosttest.New("").Log()
	s := &shared{path: fileOf(t, dataDir(t)), turn: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	never := func(*db) error { t.Error("it had its turn"); return nil }
	s.turn <- struct{}{}
	if err := s.do(ctx, log, never); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-s.turn
	if err := s.do(ctx, log, never); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
