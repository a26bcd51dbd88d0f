package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(writerVariable); path != "" {
		writeForever(path)
	}
	goleak.VerifyTestMain(m)
}

// role is the module as a role meets it: opened for its grants and called with plain values.
type role struct {
	testing.TB
	host *hosttest.Host
	set  *bindings.Set
	data string
}

// newRole opens the module. Grants are formats, for which %s is the folder that the test lays out.
func newRole(t testing.TB, folder string, grants ...string) *role {
	t.Helper()
	for i, g := range grants {
		name, path, _ := strings.Cut(strings.ReplaceAll(g, "%s", folder), ":")
		if grants[i] = name; path != "" {
			grants[i] += ":" + filepath.FromSlash(path)
		}
	}
	data := filepath.Join(t.TempDir(), "data")
	host := hosttest.New(data, grants...)
	set, err := bindings.Open(host, []bindings.Binding{Binding}, host.Grants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return &role{TB: t, host: host, set: set, data: data}
}

func (r *role) call(function string, args ...any) (any, error) {
	return r.set.Call(context.Background(), bindings.Call{Module: "fs", Func: function, Args: args})
}

// must calls and insists on an answer.
func (r *role) must(function string, args ...any) any {
	r.Helper()
	out, err := r.call(function, args...)
	if err != nil {
		r.Fatalf("%s: %v", function, err)
	}
	return out
}

// refused calls and insists on a failure with that code; "misuse" stands for an error that is raised.
func (r *role) refused(code, function string, args ...any) {
	r.Helper()
	out, err := r.call(function, args...)
	if got := codeOf(err); got != code {
		r.Errorf("%s %.60q: code %q (%v, %v), want %q", function, args, got, out, err, code)
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

// layOut makes a folder from path and content; a path that ends in a slash is a directory, a content that starts
// with "-> " a link.
func layOut(t testing.TB, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(strings.ReplaceAll(target, "%s", root), path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func content(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDataDirectoryIsTheRolesOwn(t *testing.T) {
	for _, grant := range []string{"fs", "fs.read:/nowhere", "fs.write"} {
		t.Run(grant, func(t *testing.T) {
			r := newRole(t, "", grant)
			r.must("write", "a.txt", "hello")
			r.must("append", "a.txt", " again")
			r.must("append", filepath.Join(r.data, "b.txt"), "made")
			if got := r.must("read", "./a.txt"); got != "hello again" {
				t.Errorf("read %q", got)
			}
			if got := content(t, filepath.Join(r.data, "b.txt")); got != "made" {
				t.Errorf("append made %q", got)
			}
			r.must("mkdir", "x/y/z")
			r.must("mkdir", "x/y/z")
			r.must("write", "x/y/f", "")
			want := []any{map[string]any{"name": "f", "kind": "file"}, map[string]any{"name": "z", "kind": "dir"}}
			if got := r.must("list", "x/y"); !reflect.DeepEqual(got, want) {
				t.Errorf("list: %v", got)
			}
			if got := r.must("list", "."); len(got.([]any)) != 3 {
				t.Errorf("list of the data directory: %v", got)
			}
			r.refused("not_empty", "remove", "x/y")
			r.must("remove", "x/y/f")
			r.must("remove", "x/y/z")
			if got := r.must("stat", "x/y/z"); got != nil {
				t.Errorf("stat of what was removed: %v", got)
			}
			r.refused("denied", "remove", ".")
			r.refused("denied", "remove", r.data)
		})
	}
}

func TestWithoutAGrantThereIsNoModule(t *testing.T) {
	r := newRole(t, "", "http", "process:fs.read")
	if _, err := r.call("read", "x"); codeOf(err) != "misuse" {
		t.Errorf("read without a grant: %v", err)
	}
}

func TestStat(t *testing.T) {
	folder := layOut(t, map[string]string{"f": "four", "d/": ""})
	at := time.Date(2020, 2, 3, 4, 5, 6, 500_000_000, time.UTC)
	if err := os.Chtimes(filepath.Join(folder, "f"), at, at); err != nil {
		t.Fatal(err)
	}
	r := newRole(t, folder, "fs.read:%s")
	want := map[string]any{"kind": "file", "size_bytes": 4.0, "modified": 1580702706.5}
	if got := r.must("stat", filepath.Join(folder, "f")); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, dir := range []string{folder, filepath.Join(folder, "d")} {
		if got := r.must("stat", dir).(map[string]any); got["kind"] != "dir" {
			t.Errorf("stat %s: %v", dir, got)
		}
	}
	if got := r.must("stat", filepath.Join(folder, "d", "none", "at all")); got != nil {
		t.Errorf("stat of nothing: %v", got)
	}
	if belowAFile == "not_dir" {
		r.refused("not_dir", "stat", filepath.Join(folder, "f", "below"))
	}
}

func TestGrantsNarrowed(t *testing.T) {
	folder := layOut(t, map[string]string{
		"in/f": "f", "in/deep/er/g": "g", "inside/f": "sibling", "one": "one", "one.bak": "bak", "w/f": "w", "slash/f": "s",
	})
	r := newRole(t, folder, "fs.read:%s/in", "fs.read:%s/one", "fs.write:%s/w", "fs.write:%s/new", "fs.read:%s/slash/")
	at := func(name string) string { return filepath.Join(folder, filepath.FromSlash(name)) }

	for name, want := range map[string]string{"in/f": "f", "in/deep/er/g": "g", "one": "one", "in/./deep//er/g": "g", "slash/f": "s"} {
		if got := r.must("read", at("")+"/"+name); got != want {
			t.Errorf("read %s: %q", name, got)
		}
	}
	for _, name := range []string{"inside/f", "one.bak", "w/f", "none", "", "o"} {
		r.refused("denied", "read", at(name))
		r.refused("denied", "stat", at(name))
		r.refused("denied", "open", at(name))
		r.refused("denied", "list", at(name))
	}
	for _, name := range []string{"in/f", "in/new", "one", "one.bak", "news", "inside/new"} {
		r.refused("denied", "write", at(name), "x")
		r.refused("denied", "append", at(name), "x")
		r.refused("denied", "open", at(name), map[string]any{"mode": "w"})
		r.refused("denied", "open", at(name), map[string]any{"mode": "a"})
		r.refused("denied", "mkdir", at(name))
		r.refused("denied", "remove", at(name))
	}
	r.must("write", at("w/f"), "changed")
	r.must("append", at("new"), "made")
	r.must("remove", at("new"))
	r.must("mkdir", at("new/sub"))
	r.must("mkdir", at("new"))
	r.must("write", at("new/sub/f"), "below what was a file a moment ago")
	r.refused("denied", "remove", at("new"))
	r.refused("not_dir", "list", at("one"))
	r.refused("not_dir", "read", at("one")+"/below")

	_, err := r.call("read", at("inside/f"))
	if want := fmt.Sprintf("add %q to ROLE_GRANTS", "fs.read:"+at("inside/f")); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the denial does not say what to add: %v", err)
	}
}

func TestFailuresHaveCodes(t *testing.T) {
	folder := layOut(t, map[string]string{"f": "0123456789", "d/x": ""})
	r := newRole(t, folder, "fs.read:%s", "fs.write:%s")
	at := func(name string) string { return filepath.Join(folder, name) }
	for _, c := range []struct {
		code, function string
		args           []any
	}{
		{"not_found", "read", []any{at("none")}},
		{"not_found", "write", []any{at("none/f"), "x"}},
		{"not_found", "append", []any{at("none/f"), "x"}},
		{"not_found", "open", []any{at("none")}},
		{"not_found", "list", []any{at("none")}},
		{"not_found", "remove", []any{at("none")}},
		{"is_dir", "read", []any{at("d")}},
		{"is_dir", "write", []any{at("d"), "x"}},
		{"is_dir", "append", []any{at("d"), "x"}},
		{"not_dir", "list", []any{at("f")}},
		{belowAFile, "mkdir", []any{at("f/d")}},
		{belowAFile, "read", []any{at("f/x")}},
		{"not_empty", "remove", []any{at("d")}},
		{"too_large", "read", []any{at("f"), map[string]any{"max_bytes": 9.0}}},
		{"bad_path", "read", []any{""}},
		{"bad_path", "read", []any{"a\x00b"}},
		{"bad_path", "read", []any{strings.Repeat("a", 40<<10)}},
		{"bad_path", "read", []any{"../f"}},
		{"bad_path", "write", []any{at("d") + "/../f", "x"}},
		{"bad_path", "remove", []any{".."}},
		{"misuse", "read", []any{at("f"), map[string]any{"max_bytes": -1.0}}},
		{"misuse", "read", []any{at("f"), map[string]any{"maxbytes": 1.0}}},
		{"misuse", "write", []any{at("f")}},
		{"misuse", "open", []any{at("f"), map[string]any{"mode": "rw"}}},
	} {
		t.Run(c.function+" "+c.code, func(t *testing.T) { r.refused(c.code, c.function, c.args...) })
	}
	if got := r.must("read", at("f"), map[string]any{"max_bytes": 10.0}); got != "0123456789" {
		t.Errorf("a file of just max_bytes: %q", got)
	}
}

func TestACancelledReadEnds(t *testing.T) {
	folder := layOut(t, map[string]string{"f": "x"})
	r := newRole(t, folder, "fs.read:%s")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := r.set.Call(ctx, bindings.Call{Module: "fs", Func: "read", Args: []any{filepath.Join(folder, "f")}})
	if codeOf(err) != "cancelled" {
		t.Errorf("read after the end: %v", err)
	}
}

func TestListIsBounded(t *testing.T) {
	r := newRole(t, "", "fs")
	r.must("mkdir", "many")
	for i := range maxEntries {
		if err := os.WriteFile(filepath.Join(r.data, "many", fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.must("list", "many").([]any); len(got) != maxEntries {
		t.Errorf("%d names", len(got))
	}
	r.must("write", "many/one more", "")
	r.refused("too_large", "list", "many")
}
