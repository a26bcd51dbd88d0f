// Package displaytest starts X servers for tests: Debian's Xvfb, on a number that is free. It is for tests only.
package displaytest

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Server is an X server whose DISPLAY the test has.
type Server struct {
	Display string
	cmd     *exec.Cmd
}

// Start starts one with a screen of a size, such as "1280x800", and makes it the test's DISPLAY. Without Xvfb a test of CI
// fails, and any other is skipped.
func Start(t testing.TB, size string, more ...string) *Server {
	t.Helper()
	Need(t, "Xvfb")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	args := append([]string{"-displayfd", "3", "-screen", "0", size + "x24", "-noreset", "-nolisten", "tcp"}, more...)
	s := &Server{cmd: exec.Command("Xvfb", args...)}
	s.cmd.ExtraFiles = []*os.File{write}
	err = s.cmd.Start()
	_ = write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	_ = read.SetDeadline(time.Now().Add(30 * time.Second))
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb says no number: %v", err)
	}
	s.Display = ":" + strings.TrimSpace(number)
	t.Setenv("DISPLAY", s.Display)
	t.Setenv("WAYLAND_DISPLAY", "")
	return s
}

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// Run runs a program of the session to its end.
func (s *Server) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	Need(t, name)
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

// Show starts a program that stays until the test ends.
func (s *Server) Show(t testing.TB, name string, args ...string) {
	t.Helper()
	Need(t, name)
	show(t, name, args...)
}

// show starts a program, and tells what it said when the test has failed.
func show(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s %q said: %.2000s", name, args, &said)
		}
	})
}

// Manage starts a window manager, and waits until it manages.
func (s *Server) Manage(t testing.TB) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	s.Show(t, "openbox", "--sm-disable")
	Until(t, "the window manager", func() bool {
		return strings.Contains(s.Run(t, "xprop", "-root", "_NET_SUPPORTING_WM_CHECK", "_NET_CLIENT_LIST"), "_NET_CLIENT_LIST(WINDOW)")
	})
}

// TwoMonitors parts a screen of 1920x800 into one of 1280x800 and one of 640x600 beside it.
func (s *Server) TwoMonitors(t testing.TB) {
	t.Helper()
	s.Run(t, "xrandr", "--setmonitor", "L", "1280/339x800/212+0+0", "screen")
	s.Run(t, "xrandr", "--setmonitor", "R", "640/170x600/150+1280+0", "none")
}

// Need skips a test where a program is missing; in CI it fails.
func Need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not here: scripts/debian-packages.txt", program)
	}
	t.Skipf("%s is not here", program)
}

// Until waits for something to become true.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}
