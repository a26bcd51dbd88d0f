package role

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestTheWatchdogEndsWhatGrows lets a real process grow. The watchdog is macOS's; what it reads there is read from
// /proc here.
func TestTheWatchdogEndsWhatGrows(t *testing.T) {
	var words bytes.Buffer
	cmd, d := watched(t, &words, make(chan struct{}, 1<<20), `x=$(head -c 50000000 /dev/zero | tr '\0' x); sleep 60`)
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Error(err)
	}
	d.release()
	if said := words.String(); !strings.HasPrefix(said, "memory: it held ") || !strings.HasSuffix(said, ", more than 32\n") {
		t.Errorf("%q", said)
	}
}

func TestTheWatchdogLetsOthersBe(t *testing.T) {
	var words bytes.Buffer
	looks := make(chan struct{}, 100)
	cmd, d := watched(t, &words, looks, `exec sleep 60`)
	for range 5 {
		<-looks
	}
	d.release()
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); words.Len() > 0 {
		t.Errorf("%q, %v", words.String(), err)
	}
}

// watched runs a script under a watchdog with a limit of 32 MiB.
func watched(t *testing.T, words *bytes.Buffer, looks chan<- struct{}, script string) (*exec.Cmd, *watchdog) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &watchdog{limit: 32 << 20, every: time.Millisecond, resident: func() (uint64, error) {
		looks <- struct{}{}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", cmd.Process.Pid))
		var size, pages uint64
		if err == nil {
			_, err = fmt.Sscan(string(text), &size, &pages)
		}
		return pages * uint64(os.Getpagesize()), err
	}}
	d.watch(cmd.Process, words)
	return cmd, d
}
