//go:build unix

package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// place makes a directory with a program in it, and links to it.
func place(t *testing.T) (root string, change func(path string, mode os.FileMode)) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	program(t, filepath.Join(root, "a", "b", "tool"), "exit 0")
	for link, target := range map[string]string{
		"a/link": "b/tool", "a/far": filepath.Join(root, "a/b/../b/tool"), "c": "a/b", "loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	return root, func(path string, mode os.FileMode) {
		if err := os.Chmod(filepath.Join(root, path), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrusted(t *testing.T) {
	ways := []string{"a/b/tool", "a/link", "a/far", "c/tool"}
	for _, c := range []struct {
		name, path string
		mode       os.FileMode
		trusted    []string
	}{
		{"all is private", "a", 0o755, ways},
		{"others may write the file", "a/b/tool", 0o757, nil},
		{"the group may write the file", "a/b/tool", 0o775, nil},
		{"others may write its directory", "a/b", 0o777, nil},
		{"its directory is sticky", "a/b", os.ModeSticky | 0o777, nil},
		{"others may write a directory above", "a", 0o777, nil},
		{"a directory above is sticky", "a", os.ModeSticky | 0o777, []string{"a/b/tool", "c/tool"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, change := place(t)
			change(c.path, c.mode)
			for _, way := range ways {
				want := false
				for _, w := range c.trusted {
					want = want || w == way
				}
				if err := trusted(filepath.Join(root, way)); (err == nil) != want {
					t.Errorf("%s: got %v", way, err)
				}
			}
		})
	}
	root, _ := place(t)
	for _, way := range []string{"loop", "a/none"} {
		if trusted(filepath.Join(root, way)) == nil {
			t.Errorf("%s is trusted", way)
		}
	}
}

func TestAnotherUsersProgramIsNotTrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	for _, path := range []string{"a/b/tool", "a/b", "a"} {
		root, _ := place(t)
		if err := os.Chown(filepath.Join(root, path), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if trusted(filepath.Join(root, "a/b/tool")) == nil {
			t.Errorf("another user's %s is trusted", path)
		}
	}
	root, _ := place(t)
	if err := os.Lchown(filepath.Join(root, "c"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if trusted(filepath.Join(root, "c/tool")) == nil {
		t.Error("another user's link is trusted")
	}
}

func TestSearchSkipsWhatOthersMayWrite(t *testing.T) {
	open, closed := filepath.Join(t.TempDir(), "open"), filepath.Join(t.TempDir(), "closed")
	program(t, filepath.Join(open, "tool"), "")
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	m := newModule(hosttest.New(t.TempDir()))
	m.environ = []string{"PATH=" + open + "::relative:" + closed}
	if path, err := m.search("tool"); err == nil {
		t.Errorf("found %s", path)
	} else {
		result{nil, err}.refused(t, "not_found", "cannot be trusted", open)
	}
	program(t, filepath.Join(closed, "tool"), "")
	if path, err := m.search("tool"); err != nil || path != filepath.Join(closed, "tool") {
		t.Errorf("got %s, %v", path, err)
	}
	m.environ = nil
	if path, err := m.search("sh"); err != nil || !filepath.IsAbs(path) {
		t.Errorf("without PATH: got %s, %v", path, err)
	}
}

func TestANarrowGrantDoesNotCoverANamesake(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	program(t, filepath.Join(dir, "tool"), "")
	program(t, filepath.Join(elsewhere, "tool"), "")
	host := hosttest.New(t.TempDir())
	m := newModule(host)
	m.environ = []string{"PATH=" + dir}
	for _, c := range []struct {
		grant, name string
		want        bool
	}{
		{"process:tool", "tool", true},
		{"process:tool", filepath.Join(dir, "tool"), true},
		{"process:tool", filepath.Join(elsewhere, "tool"), false},
		{"process:tool", filepath.Join(dir, "..", filepath.Base(elsewhere), "tool"), false},
		{"process:" + filepath.Join(elsewhere, "tool"), filepath.Join(elsewhere, "tool"), true},
		{"process", filepath.Join(elsewhere, "tool"), true},
	} {
		host.Grants = bindings.Grants{c.grant}
		if _, err := m.program(c.name); (err == nil) != c.want {
			t.Errorf("%s for %s: got %v", c.grant, c.name, err)
		}
	}
}
