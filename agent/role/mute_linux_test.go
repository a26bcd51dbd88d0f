package role

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAWorkerThatFallsSilentIsKilled(t *testing.T) {
	_, cfg := newOffice(t)
	cfg.Limits.Watch, cfg.Limits.Mute = 20*time.Millisecond, 50*time.Millisecond
	r := start(t, cfg, "")
	if err := syscall.Kill(r.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-r.Done()
	if !strings.Contains(r.Err().Error(), "did not answer") {
		t.Fatal(r.Err())
	}
}
