package fs

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// writerVariable makes the test binary a writer that goes on until it is killed.
const writerVariable = "BOREALIS_TEST_FS_WRITER"

const writerSize = 1 << 20

func writeForever(path string) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		panic(err)
	}
	p := &place{path: path, root: root, name: filepath.Base(path)}
	for i := 0; ; i++ {
		data := bytes.Repeat([]byte{'a' + byte(i%26)}, writerSize)
		if err := p.replace(context.Background(), data, ".borealis-scratch"+string('a'+rune(i%26))); err != nil {
			panic(err)
		}
		_, _ = os.Stdout.Write([]byte{'.'})
	}
}

func TestAKilledWriteLeavesAWholeFile(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 12 {
		path := filepath.Join(t.TempDir(), "f")
		child := exec.Command(self)
		child.Env = append(os.Environ(), writerVariable+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// The kill falls somewhere into the write after this many.
		if _, err := io.ReadFull(bufio.NewReaderSize(out, 16), make([]byte, 1+round)); err != nil {
			t.Error(err)
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // killed, as it should be
		wholeFile(t, path)
	}
}

func wholeFile(t *testing.T, path string) {
	t.Helper()
	got := []byte(content(t, path))
	if len(got) != writerSize || bytes.Count(got, got[:1]) != writerSize {
		t.Errorf("a part of a file: %d bytes, starting with %q", len(got), got[:min(len(got), 4)])
	}
}
