//go:build unix

package reload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestALinkOutOfTheDirectoryIsRefused(t *testing.T) {
	f := watchFolder(t)
	outside := filepath.Join(t.TempDir(), "role_a.lua")
	if err := os.WriteFile(outside, []byte(saying("a", "outside")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(f.dir, "role_a.lua")); err != nil {
		t.Fatal(err)
	}
	if s := f.untilState("role_a.lua", Refused); !strings.Contains(s.Reason, "role_a.lua") {
		t.Fatal(s.Reason)
	}
}

func TestALinkInsideTheDirectoryIsFollowed(t *testing.T) {
	f := watchFolder(t)
	f.save("versions/one.lua", saying("a", "one"))
	f.save("versions/two.lua", saying("a", "two"))
	link := filepath.Join(f.dir, "role_a.lua")
	if err := os.Symlink("versions/one.lua", link); err != nil {
		t.Fatal(err)
	}
	f.answers("one")
	if err := os.Symlink("versions/two.lua", link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
	f.answers("two")
}

func TestAPipeInTheDirectoryStopsNothing(t *testing.T) {
	f := watchFolder(t)
	mkfifo(t, filepath.Join(f.dir, "role_pipe.lua"))
	f.save("role_a.lua", saying("a", "one"))
	f.answers("one")
	if s := f.untilState("role_pipe.lua", Refused); !strings.Contains(s.Reason, "regular") {
		t.Fatal(s.Reason)
	}
}

// TestWhatOthersMayWriteIsRefused holds for an agent that runs as root, as this test does in CI.
func TestWhatOthersMayWriteIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the rule is for root")
	}
	f := watchFolder(t)
	path := filepath.Join(f.dir, "role_a.lua")
	f.save("role_a.lua", saying("a", "one"))
	f.answers("one")
	for _, spoil := range []func() error{
		func() error { return os.Chmod(path, 0o666) },
		func() error { return os.Chown(path, 65534, 0) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		s := f.until("role_a.lua", func(s Status) bool { return s.Refusal != nil })
		if !strings.Contains(s.Refusal.Reason, "this agent runs as root: ch") {
			t.Fatal(s.Refusal.Reason)
		}
		os.Chmod(path, 0o644)
		os.Chown(path, 0, 0)
		f.until("role_a.lua", func(s Status) bool { return s.Refusal == nil })
	}
}

func TestADirectoryThatOthersMayWriteIsNotRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the rule is for root")
	}
	dir := t.TempDir()
	inner := filepath.Join(dir, "roles")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if s := look(inner, Owned()); s.err != nil {
		t.Fatal(s.err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if s := look(inner, Owned()); s.err == nil || !strings.Contains(s.err.Error(), dir) {
		t.Fatalf("%v", s.err)
	}
}

// TestAFolderOnTheWayThatOthersMayWriteIsRefused is about a helper's folder, and the one that a role's link leads to.
func TestAFolderOnTheWayThatOthersMayWriteIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the rule is for root")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"lib/text.lua": "return {}", "versions/one.lua": "x", "role_b.lua": "x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("versions/one.lua", filepath.Join(dir, "role_a.lua")); err != nil {
		t.Fatal(err)
	}
	seen := func() (lib, linked, plain error) {
		t.Helper()
		s := look(dir, Owned())
		if s.err != nil || len(s.libs) != 1 || len(s.roles) != 2 {
			t.Fatalf("%+v", s)
		}
		return s.libs["lib/text.lua"].err, s.roles["role_a.lua"].err, s.roles["role_b.lua"].err
	}
	if lib, linked, plain := seen(); lib != nil || linked != nil || plain != nil {
		t.Fatalf("%v, %v, %v", lib, linked, plain)
	}
	for _, name := range []string{"lib", "versions"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	lib, linked, plain := seen()
	for folder, err := range map[string]error{"lib": lib, "versions": linked} {
		if err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, folder)+": mode ") {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if plain != nil {
		t.Error(plain)
	}
}
