package process

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestLeftoversAreOnlyTheFoldersOfTheDead(t *testing.T) {
	parent := t.TempDir()
	living := &folder{parent: parent}
	if _, err := living.run("run", "script.sh", []byte("x"), nil, nil); err != nil {
		t.Fatal(err)
	}
	crashed := &folder{parent: parent}
	if _, err := crashed.run("run", "script.sh", []byte("x"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := crashed.lock.Close(); err != nil { // as the system does when a process dies
		t.Fatal(err)
	}
	for _, other := range []string{"process-file", "other-dir/kept"} {
		path := filepath.Join(parent, other)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeLeftovers(parent); err != nil {
		t.Fatal(err)
	}
	got := entries(t, parent)
	if len(got) != 3 || got[0] != "other-dir" || got[2] != "process-file" && got[1] != "process-file" {
		t.Errorf("got %q", got)
	}
	if raw, err := os.ReadFile(filepath.Join(living.path, "run", "script.sh")); err != nil || string(raw) != "x" {
		t.Errorf("the living folder's script: %q, %v", raw, err)
	}
	if err := living.Close(); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, parent); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

func TestFoldersAreMadeWhileOthersClean(t *testing.T) {
	parent, rounds := t.TempDir(), 50
	if testing.Short() { // under Wine, where whoever looks into a folder keeps the others from removing it
		rounds = 5
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range rounds {
				f := &folder{parent: parent}
				if _, err := f.run("run", "script.sh", []byte("x"), nil, nil); err != nil {
					t.Error(err)
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range rounds {
				if err := removeLeftovers(parent); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := entries(t, parent); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestAScriptNeverReplacesAFile(t *testing.T) {
	f := &folder{parent: t.TempDir()}
	if _, err := f.run("run", "script.sh", []byte("x"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := f.run("run", "script.sh", []byte("y"), nil, nil); !os.IsExist(err) {
		t.Errorf("got %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
