//go:build unix

package main_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runLimit is for one block that is run; it is a net, not a measure.
const runLimit = 5 * time.Minute

func TestCommandsInDocumentsRun(t *testing.T) {
	for _, b := range documents(t) {
		if b.run {
			t.Run(b.file, func(t *testing.T) { runBlock(t, b) })
		}
	}
}

// runBlock runs a block as a reader would, at the root of the tree.
func runBlock(t *testing.T, b block) {
	for _, words := range commands(b.text) {
		if words[0] == "make" && slices.ContainsFunc(words, func(w string) bool { return w == "test" || w == "bench" }) {
			t.Fatalf("%s:%d: a test cannot run %q: it would run itself", b.file, b.line, words)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-euc", b.text)
	cmd.Dir = ".."
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with all that it started
	cmd.WaitDelay = 10 * time.Second
	for _, e := range os.Environ() { // a make of its own, not a part of the one that runs these tests
		if !strings.HasPrefix(e, "MAKE") && !strings.HasPrefix(e, "MFLAGS") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v\n%s\n%s", b.file, b.line, err, b.text, out)
	}
}
