package store

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// keep sets some values and ends the role, so that the file can be damaged.
func keep(t *testing.T, data string) string {
	t.Helper()
	r := newRole(t, New(), data)
	for _, key := range []string{"a", "b", "c"} {
		r.must("set", key, strings.Repeat(key, 20_000))
	}
	r.end()
	return fileOf(t, data)
}

func TestADamagedFileIsPutAside(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"no database":     func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 2000)) },
		"cut":             func(b []byte) []byte { return b[:len(b)/2] },
		"cut to one page": func(b []byte) []byte { return b[:4096] },
		"its pages zeroed": func(b []byte) []byte {
			return append(b[:2*os.Getpagesize()], make([]byte, len(b)-2*os.Getpagesize())...)
		},
		"its pages noise": func(b []byte) []byte {
			for i := 2 * os.Getpagesize(); i < len(b); i++ {
				b[i] = byte(i*7919 + i>>8)
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := dataDir(t)
			path := keep(t, data)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(raw), 0o600); err != nil {
				t.Fatal(err)
			}
			r := newRole(t, New(), data)
			if got := r.must("keys").([]any); len(got) != 0 {
				t.Errorf("keys: %v", got)
			}
			r.must("set", "a", "new")
			if got := r.must("get", "a"); got != "new" {
				t.Errorf("get: %v", got)
			}
			if _, err := os.Stat(path + ".damaged"); err != nil {
				t.Error(err)
			}
			if !strings.Contains(r.host.Logged(), "the store is damaged") {
				t.Errorf("logged %q", r.host.Logged())
			}
		})
	}
}

func TestAnEmptyFileIsAnEmptyStore(t *testing.T) {
	data := dataDir(t)
	path := keep(t, data)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	r := newRole(t, New(), data)
	r.must("set", "k", true)
	if log := r.host.Logged(); log != "" {
		t.Error(log)
	}
}

func TestAValueThatIsNoneIsDamage(t *testing.T) {
	data := dataDir(t)
	path := keep(t, data)
	d, err := openDB(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.update(d.used, func(b *bbolt.Bucket) error { return b.Put([]byte("b"), []byte{0xff}) }); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	r := newRole(t, New(), data)
	if got := r.must("get", "a"); got != nil {
		t.Errorf("%.20q", got)
	}
}

// TestAFileThatIsCutWhileItIsOpen is what must not end the agent: reading a page that is gone is a fault of the
// processor, not an error.
func TestAFileThatIsCutWhileItIsOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody cut a mapped file")
	}
	for _, fn := range []string{"get", "set"} {
		t.Run(fn, func(t *testing.T) {
			r := newRole(t, New(), dataDir(t))
			args := map[string][]any{"get": {"k"}, "set": {"k", "other"}}[fn]
			r.must("set", "k", strings.Repeat("x", 100_000))
			if err := os.Truncate(fileOf(t, r.host.Where.DataDir), 0); err != nil {
				t.Fatal(err)
			}
			r.refused("damaged", fn, args...)
			r.must("set", "k", "new")
			if got := r.must("get", "k"); got != "new" {
				t.Errorf("after the damage: %v", got)
			}
		})
	}
}
