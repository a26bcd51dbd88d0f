package fs

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// on calls a method of a handle.
func (r *role) on(h any, method string, args ...any) (any, error) {
	ref := h.(bindings.Ref)
	return r.set.Call(context.Background(), bindings.Call{Module: "fs", Ref: ref.ID, Func: method, Args: args})
}

func TestFileInPieces(t *testing.T) {
	r := newRole(t, "", "fs")
	w := r.must("open", "f", map[string]any{"mode": "w"})
	for _, piece := range []string{"hello ", "", "world"} {
		if _, err := r.on(w, "write", piece); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.on(w, "read"); codeOf(err) != "misuse" {
		t.Errorf("read from a file open for writing: %v", err)
	}
	if _, err := r.on(w, "close"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.on(w, "write", "x"); codeOf(err) != "closed" {
		t.Errorf("write after close: %v", err)
	}

	a := r.must("open", "f", map[string]any{"mode": "a"})
	if _, err := r.on(a, "write", "!"); err != nil {
		t.Fatal(err)
	}

	f := r.must("open", "f")
	for _, want := range []any{"hello", " wor", "ld!", nil, nil} {
		n := 4.0
		if want == "hello" {
			n = 5
		}
		if got, err := r.on(f, "read", n); err != nil || got != want {
			t.Errorf("read(%v): %v, %v, want %v", n, got, err, want)
		}
	}
	for _, n := range []float64{0, -1, maxPiece + 1} {
		if _, err := r.on(f, "read", n); codeOf(err) != "misuse" {
			t.Errorf("read(%v): %v", n, err)
		}
	}
	if _, err := r.on(f, "write", "x"); codeOf(err) != "misuse" {
		t.Errorf("write to a file open for reading: %v", err)
	}
	if got := r.set.Open()[fileType]; got != 2 {
		t.Errorf("%d files open, want 2", got)
	}
}

func TestOpenForWritingDropsTheOldContent(t *testing.T) {
	r := newRole(t, "", "fs")
	r.must("write", "f", "a long old content")
	w := r.must("open", "f", map[string]any{"mode": "w"})
	if got := r.must("read", "f"); got != "" {
		t.Errorf("after open: %q", got)
	}
	if _, err := r.on(w, "write", "new"); err != nil {
		t.Fatal(err)
	}
	if got := r.must("read", "f"); got != "new" {
		t.Errorf("after write: %q", got)
	}
}

func TestOtherBindingsStreamThroughFiles(t *testing.T) {
	r := newRole(t, "", "fs")
	m := &module{host: r.host}
	h, err := m.open(context.Background(), "f", openOptions{Mode: "w"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(h.Value.(io.Writer), strings.NewReader("streamed")); err != nil {
		t.Fatal(err)
	}
	if err := h.Value.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	h, err = m.open(context.Background(), "f", openOptions{Mode: "r"})
	if err != nil {
		t.Fatal(err)
	}
	f := h.Value.(*File)
	if _, err := io.CopyN(io.Discard, f, 3); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Remaining(); err != nil || n != 5 {
		t.Errorf("%d bytes remain, %v", n, err)
	}
	if rest, err := io.ReadAll(f); err != nil || string(rest) != "eamed" {
		t.Errorf("the rest: %q, %v", rest, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"close": f.Close(),
		"read":  second(f.Read(make([]byte, 1))),
		"size":  second(f.Remaining()),
	} {
		if codeOf(err) != "closed" {
			t.Errorf("%s after close: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestARolesEndClosesItsFiles(t *testing.T) {
	r := newRole(t, "", "fs")
	m := &module{host: r.host}
	r.must("write", "f", "x")
	h, err := m.open(context.Background(), "f", openOptions{Mode: "r"})
	if err != nil {
		t.Fatal(err)
	}
	set, err := bindings.Open(r.host, []bindings.Binding{{
		Name: "fs", Handles: Binding.Handles,
		Open: func(bindings.Host) (*bindings.Instance, error) {
			return &bindings.Instance{Funcs: map[string]bindings.Func{
				"open": {Do: func(context.Context) (*bindings.Handle, error) { return h, nil }},
			}}, nil
		},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Call(context.Background(), bindings.Call{Module: "fs", Func: "open"}); err != nil {
		t.Fatal(err)
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Value.(*File).Read(make([]byte, 1)); codeOf(err) != "closed" {
		t.Errorf("the file is still open: %v", err)
	}
}

func TestScratchFilesDoNotStay(t *testing.T) {
	r := newRole(t, "", "fs")
	for range 20 {
		r.must("write", "f", "x")
	}
	r.must("mkdir", "d")
	r.refused("is_dir", "write", "d", "x")
	found, err := os.ReadDir(filepath.Join(r.data))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 {
		t.Errorf("left in the directory: %v", found)
	}
}
