package settings

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary plays the other process of a device when this variable names a part.
const part = "SETTINGS_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(part) {
	case "":
		goleak.VerifyTestMain(m)
	case "rewrite":
		rewrite(os.Args[1])
	case "serve":
		serve(os.Args[1])
	}
}

// rewrite writes whole files of one letter each until it is killed.
func rewrite(path string) {
	fmt.Println("ready")
	for i := 0; ; i++ {
		text := strings.Repeat(string(rune('a'+i%26)), 1<<18)
		if err := writeFile(path, []byte(text)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// serve serves the mode SYSTEM and holds enrollment.lock until its input ends.
func serve(root string) {
	tree, err := Open(root)
	if err != nil {
		panic(err)
	}
	if _, err := tree.Serve(context.Background(), "SYSTEM"); err != nil {
		panic(err)
	}
	if _, err := tree.TryLock(LockEnrollment); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// play starts the test binary in a part and waits until it says that it is ready.
func play(t *testing.T, name, arg string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], arg)
	cmd.Env = append(os.Environ(), part+"="+name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("part %s said %q, %v", name, line, err)
	}
	return cmd
}

func TestFilesAreWholeAtEveryInstant(t *testing.T) {
	tree := open(t, nil)
	path := tree.file("whole")
	whole := func() error {
		data, err := readFile(path)
		if err != nil {
			return err
		}
		if len(data) != 1<<18 || strings.Trim(string(data), string(data[:1])) != "" {
			return fmt.Errorf("%d bytes, or of several writes", len(data))
		}
		return nil
	}
	for round := range 5 {
		put(t, path, strings.Repeat("0", 1<<18))
		cmd := play(t, "rewrite", path)
		for range 20 + 7*round {
			if err := whole(); err != nil {
				t.Fatalf("while it is written: %v", err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if err := whole(); err != nil {
			t.Fatalf("after a kill: %v", err)
		}
	}
}

func TestAnotherProcessIsSeen(t *testing.T) {
	tree := open(t, nil)
	if tree.Present("SYSTEM") {
		t.Fatal("a mode is served in a fresh tree")
	}
	cmd := play(t, "serve", tree.Root())
	if !tree.Present("system") || tree.Present("CURRENTUSER") {
		t.Errorf("SYSTEM present %t, CURRENTUSER present %t; want only SYSTEM", tree.Present("SYSTEM"), tree.Present("CURRENTUSER"))
	}
	if _, err := tree.Serve(t.Context(), "SYSTEM"); !errors.Is(err, ErrServed) {
		t.Errorf("serve a served mode: %v, want ErrServed", err)
	}
	if _, err := tree.TryLock(LockEnrollment); !errors.Is(err, ErrLocked) {
		t.Errorf("take a held lock: %v, want ErrLocked", err)
	}
	if text := get(t, tree.file(LockEnrollment)); !strings.HasPrefix(text, fmt.Sprintf("pid=%d ts=", cmd.Process.Pid)) {
		t.Errorf("lock file says %q", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := tree.Lock(ctx, LockEnrollment); !errors.Is(err, ErrLocked) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait for a held lock: %v, want ErrLocked and the context's end", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if tree.Present("SYSTEM") {
		t.Error("a killed process still serves")
	}
	release, err := tree.Serve(t.Context(), "SYSTEM")
	if err != nil {
		t.Fatalf("serve after a kill: %v", err)
	}
	if tree.Present("SYSTEM") {
		t.Error("this process is another one")
	}
	release()
}

func TestLockWaitsItsTurn(t *testing.T) {
	tree := open(t, nil)
	unlock, err := tree.TryLock(LockIdentity)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		second, err := tree.Lock(t.Context(), LockIdentity)
		if err == nil {
			second()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("two hold one lock (%v)", err)
	case <-time.After(2 * lockRetry):
	}
	unlock()
	unlock() // a second call is harmless
	if err := <-got; err != nil {
		t.Errorf("after its turn came: %v", err)
	}
}
