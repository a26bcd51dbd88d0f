package input

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings/display/displaytest"
)

func TestTypingInAWaylandSession(t *testing.T) {
	s := displaytest.StartSway(t)
	path := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "typed")
	s.Show(t, "foot", "sh", "-c", "stty -echo; touch "+path+"; exec cat >> "+path)
	displaytest.Until(t, "the terminal", func() bool { _, err := os.Stat(path); return err == nil })
	r := openRole(t)
	const text = "Hello, Zażółć (1)!\n"
	displaytest.Until(t, "the keyboard", func() bool {
		r.must("keys", "{Enter}")
		got, _ := os.ReadFile(path)
		return len(got) > 0
	})
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	r.must("text", text)
	r.must("keys", "ab{BS}c+d{Enter}")
	reads(t, path, text+"acD\n")
	if err := r.do("move", 1.0, 1.0); displaytest.Code(err) != "unsupported" {
		t.Errorf("the mouse: %v", err)
	}
}
