package process

import (
	"context"
	"strings"
	"testing"
	"time"
)

// say reads from a terminal until a line holds some words.
func (c *talk) says(words string) {
	c.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	for seen := ""; ; {
		got := c.do(ctx, "read")
		piece, ok := got.value.(string)
		if !ok {
			c.t.Fatalf("waited in vain for %q in %q: %v", words, seen, got.err)
		}
		if seen += piece; strings.Contains(seen, words) {
			return
		}
	}
}

func TestATerminal(t *testing.T) {
	r := openRole(t)
	const script = `trap 'changed=yes' WINCH; tty <&0 >/dev/null && tty <&1 >/dev/null && stty size
read -r line; echo "got $line" >&2; stty size; sleep 0; echo "changed $changed"; read -r more || echo the end; exit 3`
	c := r.start(argv("bash", "-c", script), opts{"pty": opts{"rows": 30.0, "cols": 100.0}})
	c.says("30 100\r\n")
	c.expect(true, "resize", 31.0, 101.0)
	c.expect(true, "write", "zażółć\n")
	c.says("got zażółć\r\n31 101\r\nchanged yes\r\n")
	c.expect(true, "close_stdin")
	c.says("the end\r\n")
	c.ends(3)
	c.expect(nil, "read")
	c.expect(true, "resize", 1.0, 1.0) // of one that is gone, this does nothing
}

func TestATerminalStopsAtWhatIsTyped(t *testing.T) {
	r := openRole(t)
	c := r.start(argv("sh", "-c", `echo "$TERM"; exec sleep 1000`), opts{"pty": opts{}, "env": opts{"TERM": "vt100"}})
	c.says("vt100\r\n")
	c.expect(true, "write", "\x03")
	if end := c.do(context.Background(), "wait").table(t); end["signal"] != "SIGINT" {
		t.Errorf("Ctrl-C: got %v", end)
	}
}

func TestTheTreeOfATerminalDies(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	c := r.start(argv("bash", "-c", nasty+"wait"), opts{"pty": opts{}, "cwd": dir})
	pids := words(t, dir+"/pids", 5)
	c.expect(true, "close")
	expectDead(t, pids)
}

func TestWindowsHaveASize(t *testing.T) {
	r := openRole(t)
	ctx := context.Background()
	r.call(ctx, "start", argv("true"), opts{"pty": opts{"rows": 0.0}}).misused(t, "within 1 and")
	r.call(ctx, "start", argv("true"), opts{"pty": opts{"cols": 40000.0}}).misused(t, "within 1 and")
	r.start(argv("true")).do(ctx, "resize", 24.0, 80.0).misused(t, "no terminal")
	before := entries(t, "/proc/self/fd")
	for range 5 {
		c := r.start(argv("true"), opts{"pty": opts{}})
		c.ends(0)
		c.expect(true, "close")
		r.call(ctx, "start", argv("/no/such"), opts{"pty": opts{}}).refused(t, "not_found")
	}
	until(t, "descriptors are closed", func() bool { return len(entries(t, "/proc/self/fd")) <= len(before) })
}
