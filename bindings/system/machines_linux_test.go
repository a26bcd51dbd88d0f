package system

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is measured of the machines in testdata as what is to be measured")

// TestMachines measures machines that are not this one: each archive in testdata/machines holds the files that another
// machine has, and in want.json what is to be measured of it. A name that ends in .base64 is for bytes.
func TestMachines(t *testing.T) {
	archives, err := filepath.Glob("testdata/machines/*.txtar")
	if err != nil || len(archives) < 6 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			root := t.TempDir()
			a, want := unpackFile(t, name, root)
			got, err := json.MarshalIndent(measureAll(t, machine{root: root, run: output, now: time.Now}), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			if *update {
				want.Data = got
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, want.Data) {
				t.Errorf("got %s\nwant %s", got, want.Data)
			}
		})
	}
}

func unpackFile(t *testing.T, name, root string) (a *txtar.Archive, want *txtar.File) {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return a, unpack(t, a, root)
}

// unpack lays the files of an archive below root and gives the one that says what is wanted.
func unpack(t *testing.T, a *txtar.Archive, root string) (want *txtar.File) {
	t.Helper()
	for i, f := range a.Files {
		if f.Name == "want.json" {
			want = &a.Files[i]
			continue
		}
		path, data := filepath.Join(root, f.Name), f.Data
		if bare, ok := strings.CutSuffix(path, ".base64"); ok {
			raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(data), "\n", ""))
			if err != nil {
				t.Fatal(err)
			}
			path, data = bare, raw
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// measureAll is what roles meet of a machine, but for what only the running kernel can say.
func measureAll(t *testing.T, m machine) map[string]any {
	t.Helper()
	all := map[string]any{}
	note := func(name string, v any, err error) {
		plain, errPlain := bindings.Plain(v)
		if err != nil || errPlain != nil {
			t.Errorf("%s: %v, %v", name, err, errPlain)
		}
		all[name] = plain
	}
	ctx := t.Context()
	p, err := m.platform(ctx)
	p.Architecture = ""
	note("platform", p, err)
	h, err := m.hardware(ctx)
	note("hardware", h, err)
	c, err := m.cpu(ctx)
	note("cpu", c, err)
	mem, err := m.memory(ctx)
	note("memory", mem, err)
	v, err := m.mounted(ctx)
	note("mounted", v, err)
	s, err := m.software(ctx)
	note("software", s, err)
	w, err := m.sessions(ctx)
	note("sessions", w, err)
	all["domain"] = m.domain("rowan-db2")
	return all
}
