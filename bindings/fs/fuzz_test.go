//go:build unix

package fs

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzPath tries every function on paths from foreign hands: whatever they spell, nothing outside is read or changed.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"f", "../out/f", "g/../../out/f", "rel", "dir/f", "d/climb/f", "/etc/passwd", "//etc/passwd", "./.", "..", "a\x00b",
		"\\\\server\\share", "C:\\x", "f/", "f/.", "d//f", "...", ".. /out/f", "abs\n", "%2e%2e/out/f", "~/x", "g/dir/../../out/f",
	} {
		f.Add(seed)
	}
	folder := linked(f)
	out := filepath.Join(folder, "out")
	before := snapshot(f, out)
	r := newRole(f, folder, "fs.read:%s/g", "fs.write:%s/g")
	f.Fuzz(func(t *testing.T, path string) {
		for _, p := range []string{path, folder + "/g/" + path, folder + "/" + path} {
			if got, _ := r.call("read", p); got != nil && strings.Contains(got.(string), "secret") {
				t.Errorf("read %q: %q", p, got)
			}
			if got, err := r.call("stat", p); err == nil && got != nil && !mayStand(r, folder, p) {
				t.Errorf("stat %q: %v", p, got)
			}
			_, _ = r.call("list", p)
			_, _ = r.call("append", p, "x")
			_, _ = r.call("mkdir", p)
			if _, err := r.call("rename", p, folder+"/g/renamed"); err == nil {
				_, _ = r.call("rename", folder+"/g/renamed", p)
			}
			if p := filepath.Base(p); strings.HasPrefix(p, "x") {
				_, _ = r.call("remove", p)
			}
		}
		if after := snapshot(t, out); after != before {
			t.Fatalf("outside changed by %q:\n%s", path, after)
		}
	})
}

// mayStand reports whether a path is spelt as one of the grant or of the data directory.
func mayStand(r *role, folder, path string) bool {
	clean := filepath.Clean(path)
	return !filepath.IsAbs(path) || within(folder+"/g", clean) || within(r.data, clean)
}
