package service

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// listen is systemd's side.
func listen(t *testing.T, usec string) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", usec)
	t.Setenv("WATCHDOG_PID", "")
	return c
}

func heard(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	text := make([]byte, 64)
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(text[:n])
}

func TestSystemdHears(t *testing.T) {
	c := listen(t, "3000")
	n := TakeNotifier()
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		if value, there := os.LookupEnv(name); there {
			t.Errorf("children would get %s=%s", name, value)
		}
	}
	if err := n.Ready(); err != nil {
		t.Fatal(err)
	}
	if got := heard(t, c); got != "READY=1" {
		t.Errorf("heard %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	looks := 0
	go func() { ended <- n.Live(ctx, func() { looks++ }) }()
	for range 3 {
		if got := heard(t, c); got != "WATCHDOG=1" {
			t.Errorf("heard %q", got)
		}
	}
	cancel()
	if err := <-ended; err != nil || looks < 3 {
		t.Errorf("%v after %d looks", err, looks)
	}
}

// TestAHungServiceIsSilent: without it the watchdog would watch a ticker.
func TestAHungServiceIsSilent(t *testing.T) {
	c := listen(t, "3000")
	n := TakeNotifier()
	ctx, cancel := context.WithCancel(t.Context())
	hang, hangs := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ended := make(chan error)
	go func() {
		ended <- n.Live(ctx, func() { once.Do(func() { close(hangs) }); <-hang })
	}()
	<-hangs
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Read(make([]byte, 64)); err == nil {
		t.Errorf("heard %d bytes from a service that hangs", got)
	}
	cancel()
	close(hang)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnotherProcessesWatchdogIsNotOurs(t *testing.T) {
	listen(t, "3000")
	t.Setenv("WATCHDOG_PID", "1")
	if n := TakeNotifier(); n.every != 0 {
		t.Errorf("signs of life every %v", n.every)
	}
}

func TestWithoutSystemdNothingIsSaid(t *testing.T) {
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		t.Setenv(name, "")
	}
	n := TakeNotifier()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Ready(); err != nil {
		t.Error(err)
	}
	if err := n.Live(ctx, func() { t.Error("looked") }); err != nil {
		t.Error(err)
	}
}

func TestWhatSystemctlShows(t *testing.T) {
	for text, want := range map[string]State{
		"": {Says: " (), last result "},
		"LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nSubState=running\nMainPID=42\nNRestarts=3\nResult=success\n": {
			Installed: true, Enabled: true, Running: true, PID: 42, Restarts: 3, Says: "active (running), last result success",
		},
		"LoadState=not-found\nActiveState=inactive\nSubState=dead\nMainPID=0\nNRestarts=0\nResult=success": {Says: "inactive (dead), last result success"},
		"LoadState=loaded\nUnitFileState=disabled\nActiveState=failed\nSubState=failed\nMainPID=x\nResult=watchdog": {
			Installed: true, Says: "failed (failed), last result watchdog",
		},
	} {
		if got := stateOf(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}
