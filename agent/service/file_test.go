package service

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAFileIsPutWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	for _, tc := range []struct {
		name, text string
		changed    bool
	}{
		{"new", "one", true},
		{"the same", "one", false},
		{"another", "two", true},
	} {
		changed, err := PutFile(path, []byte(tc.text), 0o755)
		if err != nil || changed != tc.changed {
			t.Fatalf("%s: changed %v, %v", tc.name, changed, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != tc.text {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v lie there, %v", entries, err)
	}
	if _, err := PutFile(filepath.Join(dir, "none", "program"), nil, 0o755); err == nil {
		t.Error("a folder that is not there was written to")
	}
}

// TestAnUntouchedFileStays sees by its time that nobody wrote it again.
func TestAnUntouchedFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if _, err := PutFile(path, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1, 0)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := PutFile(path, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(old) {
		t.Errorf("written again: %v, %v", info.ModTime(), err)
	}
}

func TestFoldersAreMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := MakeFolder(dir); err != nil {
			t.Fatal(err)
		}
		if err := MakeDataFolder(filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "data")); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
}
