package outbox

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// filled makes an outbox with some results and returns its file's bytes.
func filled(t *testing.T) []byte {
	t.Helper()
	path := box(t)
	o := open(t, path, Options{})
	put(t, o, 0, 100)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestADamagedFileIsPutAsideAndSaidSo(t *testing.T) {
	whole := filled(t)
	page := os.Getpagesize()
	for name, damage := range map[string]func(b []byte) []byte{
		"no outbox":       func([]byte) []byte { return []byte("hello") },
		"other text":      func([]byte) []byte { return bytes.Repeat([]byte("hello "), 20_000) },
		"zeros":           func(b []byte) []byte { return make([]byte, len(b)) },
		"cut after metas": func(b []byte) []byte { return b[:2*page] },
		"cut in a page":   func(b []byte) []byte { return b[:2*page+100] },
		"metas lost":      func(b []byte) []byte { clear(b[:2*page]); return b },
		"results lost":    func(b []byte) []byte { clear(b[2*page:]); return b },
		"one byte": func(b []byte) []byte {
			b[bytes.LastIndex(b, []byte("exec"))] ^= 1
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := box(t)
			broken := damage(bytes.Clone(whole))
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			now := func() time.Time { return time.Date(2026, 2, 3, 10, 11, 12, 0, time.Local) }
			o := open(t, path, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: now})
			if o.Len() != 0 {
				t.Fatalf("%d results", o.Len())
			}
			put(t, o, 0, 3)
			if got, err := os.ReadFile(path + ".damaged-20260203-101112-0"); err != nil || !bytes.HasPrefix(got, broken) {
				t.Errorf("the damaged file is not kept: %d bytes, %v", len(got), err)
			}
			if !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("log: %s", &log)
			}
		})
	}
}

func TestAnEmptyFileIsANewOutbox(t *testing.T) {
	path := box(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, path, Options{}), 0, 1)
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// What the system refuses says nothing about the file: nothing is put aside.
func TestAFileThatCannotBeOpenedStays(t *testing.T) {
	path := box(t)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil || errors.Is(err, errDamaged) {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAFileOfAnotherProcessIsLeftAlone(t *testing.T) {
	path := box(t)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := openStoreWithin(path, time.Millisecond); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeTakesOnlyWhatEncodeWrote(f *testing.F) {
	f.Add(encode(entry{Result: result(1), At: time.Unix(1, 2)}))
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Errorf("got %v", err)
			}
			return
		}
		again, err := decode(encode(e))
		if err != nil || again.ID != e.ID || again.Role != e.Role || again.Event != e.Event ||
			!bytes.Equal(again.Data, e.Data) || !again.At.Equal(e.At) {
			t.Errorf("%+v reads back as %+v, %v", e, again, err)
		}
	})
}
