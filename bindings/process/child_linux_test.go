package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// talk is a program that was started.
type talk struct {
	*role
	ref bindings.Ref
}

func (r *role) start(args []any, options ...any) *talk {
	r.t.Helper()
	got := r.call(context.Background(), "start", append([]any{args}, options...)...)
	if got.err != nil {
		r.t.Fatal(got.err)
	}
	return &talk{r, got.value.(bindings.Ref)}
}

func (c *talk) do(ctx context.Context, f string, args ...any) result {
	value, err := c.set.Call(ctx, bindings.Call{Module: "process", Ref: c.ref.ID, Func: f, Args: args})
	return result{value, err}
}

func (c *talk) expect(want any, f string, args ...any) {
	c.t.Helper()
	got := c.do(context.Background(), f, args...)
	if got.err != nil || got.value != want {
		c.t.Fatalf("%s: got %#v, %v; want %#v", f, got.value, got.err, want)
	}
}

func (c *talk) ends(want float64) map[string]any {
	c.t.Helper()
	got := c.do(context.Background(), "wait").table(c.t)
	if got["exit_code"] != want {
		c.t.Fatalf("got %v", got)
	}
	return got
}

func TestTalking(t *testing.T) {
	r := openRole(t)
	c := r.start(argv("sh", "-c", `while read -r line; do echo "got $line"; echo "err $line" >&2; done; exit 6`))
	line := opts{"line": true}
	for _, word := range []string{"one", "zwei", "trzy ż"} {
		c.expect(true, "write", word+"\n")
		c.expect("got "+word, "read", line)
		c.expect("err "+word, "read", opts{"line": true, "stream": "stderr"})
	}
	c.expect(true, "close_stdin")
	c.ends(6)
	c.expect(nil, "read", line)
	c.expect(nil, "read", opts{"stream": "stderr"})
	c.ends(6) // as often as one likes
	c.do(context.Background(), "write", "more").refused(t, "closed")
	c.expect(true, "kill")
	c.expect(true, "close")
	c.do(context.Background(), "read").refused(t, "closed")
}

func TestSignals(t *testing.T) {
	line := opts{"line": true}
	for _, c := range []struct {
		name, script string
		start        opts
	}{
		{"USR1", `trap "echo USR1" USR1; echo ready; while sleep 0.05; do :; done`, opts{}},
		{"TERM", `trap "echo TERM" TERM; echo ready; while sleep 0.05; do :; done`, opts{"pty": opts{}}},
		{"INT", `trap "echo INT" INT; echo ready; sleep 1000; echo after; sleep 1000`, opts{"pty": opts{}}}, // it ends the sleep too
	} {
		r := openRole(t)
		p := r.start(argv("bash", "-c", c.script), c.start)
		p.expect("ready", "read", line)
		p.expect(true, "signal", c.name)
		for heard := ""; !strings.HasSuffix(heard, c.name); { // bash may have a word to say of its child first
			got := p.do(context.Background(), "read", line)
			if got.err != nil || got.value == nil {
				t.Fatalf("%s: %q, then %v", c.name, heard, got)
			}
			heard = got.value.(string)
		}
		p.expect(true, "kill")
		p.do(context.Background(), "wait")
		p.expect(true, "signal", c.name) // it is late
		var misuse *bindings.Misuse
		if err := p.do(context.Background(), "signal", "KILL").err; !errors.As(err, &misuse) {
			t.Error(err)
		}
	}
}

func TestReading(t *testing.T) {
	for _, c := range []struct {
		name, octal string
		start, read opts
		want        []string
	}{
		{"whole", `abc\ndef`, nil, nil, []string{"abc\ndef"}},
		{"lines", `abc\r\n\ndef`, nil, opts{"line": true}, []string{"abc", "", "def"}},
		{"pieces", `abcdefg`, nil, opts{"max_bytes": 3.0}, []string{"abc", "def", "g"}},
		{"no broken characters", `\305\274\305\274a`, nil, opts{"max_bytes": 3.0}, []string{"ż", "ża"}},
		{"a character larger than asked", `\305\274a`, nil, opts{"max_bytes": 1.0}, []string{"ż", "a"}},
		{"long lines", `abcdefg\nh`, nil, opts{"line": true, "max_bytes": 3.0}, []string{"abc", "def", "g", "h"}},
		{"a line longer than the buffer", `abcdefg\nh\n`, opts{"buffer_bytes": 4.0}, opts{"line": true}, []string{"abcdefg", "h"}},
		{"text", `\377\376z\000\174\001`, nil, nil, []string{"zż"}},
		{"raw", `\377\376z\000`, opts{"raw": true}, opts{"max_bytes": 3.0}, []string{"\xff\xfez", "\x00"}},
		{"raw lines", `\377\n\376`, opts{"raw": true}, opts{"line": true}, []string{"\xff", "\xfe"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := openRole(t)
			child := r.start(argv("printf", c.octal), c.start)
			child.ends(0)
			for _, want := range c.want {
				child.expect(want, "read", c.read)
			}
			child.expect(nil, "read", c.read)
		})
	}
}

func TestAProgramWaitsForItsReader(t *testing.T) {
	r := openRole(t)
	const size = 8 << 20
	c := r.start(argv("sh", "-c", fmt.Sprintf("yes | head -c %d", size)), opts{"buffer_bytes": 1000.0})
	total := 0
	for {
		got := c.do(context.Background(), "read")
		if got.err != nil {
			t.Fatal(got.err)
		}
		if got.value == nil {
			break
		}
		piece := got.value.(string)
		if len(piece) > 1000+(32<<10) {
			t.Fatalf("%d bytes were waiting", len(piece))
		}
		total += len(piece)
	}
	if total != size {
		t.Errorf("got %d bytes", total)
	}
	c.ends(0)
}

func TestMergedStreamsKeepTheirOrder(t *testing.T) {
	r := openRole(t)
	c := r.start(argv("sh", "-c", "echo a; echo b >&2; echo c"), opts{"merge_stderr": true})
	c.ends(0)
	c.expect("a\nb\nc\n", "read")
	c.do(context.Background(), "read", opts{"stream": "stderr"}).misused(t, "merged")
	c.do(context.Background(), "read", opts{"stream": "stdin"}).misused(t, "neither")
	c.do(context.Background(), "read", opts{"max_bytes": 0.0}).misused(t, "max_bytes")
}

func TestWaitingHasLimits(t *testing.T) {
	r := openRole(t)
	c := r.start(argv("sh", "-c", "read a; echo $a"))
	for _, f := range []string{"read", "wait"} {
		args := c.begin(context.Background(), f, opts{"timeout": 5.0})
		until(t, "the clock ends the "+f, func() bool {
			r.host.Advance(5 * time.Second)
			select {
			case got := <-args:
				got.refused(t, "timeout", "5s")
				return true
			default:
				return false
			}
		})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		c.do(ctx, f).refused(t, "cancelled")
	}
	c.expect(true, "write", "late\n")
	c.expect("late\n", "read")
	c.ends(0)
}

func (c *talk) begin(ctx context.Context, f string, args ...any) <-chan result {
	done := make(chan result, 1)
	go func() { done <- c.do(ctx, f, args...) }()
	return done
}

func TestAWriteThatIsGivenUpIsStillWritten(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	c := r.start(argv("sh", "-c", "read -r first; echo $first; while [ ! -e go ]; do sleep 0.01; done; wc -c"), opts{"cwd": dir})
	big := strings.Repeat("x", 1<<20) // more than a pipe holds
	ctx, cancel := context.WithCancel(context.Background())
	stuck := c.begin(ctx, "write", "begun\n"+big)
	c.expect("begun", "read", opts{"line": true})
	cancel()
	(<-stuck).refused(t, "cancelled")
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.expect(true, "write", "y")
	c.expect(true, "close_stdin")
	c.ends(0)
	got := c.do(context.Background(), "read")
	if n := strings.TrimSpace(fmt.Sprint(got.value)); n != fmt.Sprint(len(big)+1) {
		t.Errorf("%s bytes arrived", n)
	}
}

func TestWritingToWhoDoesNotRead(t *testing.T) {
	r := openRole(t)
	c := r.start(argv("sh", "-c", "exec <&-; echo closed; sleep 1000"))
	c.expect("closed", "read", opts{"line": true})
	c.do(context.Background(), "write", "x").refused(t, "closed")
	c.expect(true, "kill")
	if got := c.ends(-1); got["signal"] != "SIGKILL" || got["timed_out"] != false {
		t.Errorf("got %v", got)
	}
}

func TestAStartedProgramHasATimeout(t *testing.T) {
	r := openRole(t)
	c := r.start(argv("sh", "-c", "echo up; exec sleep 1000"), opts{"timeout": 60.0})
	c.expect("up\n", "read")
	r.host.Advance(time.Minute)
	if got := c.ends(-1); got["timed_out"] != true || got["duration"] != 60.0 {
		t.Errorf("got %v", got)
	}
}

func TestClosingKillsTheTreeAndWakesReaders(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	c := r.start(argv("sh", "-c", "(setsid sh -c 'echo $$ >> pids; exec sleep 1000' &); echo $$ >> pids; exec yes"), opts{"cwd": dir})
	pids := words(t, filepath.Join(dir, "pids"), 2)
	reader := c.begin(context.Background(), "read", opts{"stream": "stderr"})
	c.expect(true, "close")
	got := <-reader
	if got.err == nil && got.value != nil {
		t.Errorf("got %v", got.value)
	}
	expectDead(t, pids)
}

func TestAnUnreadProgramDoesNotHoldUpTheEndOfItsRole(t *testing.T) {
	r := openRole(t)
	for range 3 {
		r.start(argv("yes"), opts{"buffer_bytes": 10.0})
		r.start(argv("sleep", "1000"))
	}
	if err := r.set.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestARoleMayNotHaveEndlesslyManyPrograms(t *testing.T) {
	r := openRole(t)
	last := &talk{}
	for range maxPrograms {
		last = r.start(argv("sleep", "1000"))
	}
	r.call(context.Background(), "start", argv("true")).refused(t, "limit")
	last.expect(true, "close")
	r.start(argv("true")).ends(0)
}

func TestAHandleIsForgottenWhenAllOfItIsKnown(t *testing.T) {
	r := openRole(t)
	c := r.start(argv("sh", "-c", "echo out; echo err >&2"))
	open := func() int { return r.set.Open()["process.Child"] }
	c.ends(0)
	c.expect("out\n", "read")
	if open() != 1 {
		t.Error("forgotten before stderr was read")
	}
	c.expect("err\n", "read", opts{"stream": "stderr"})
	c.expect(nil, "read")
	if open() != 0 {
		t.Error("not forgotten")
	}
}

func TestManyTalksAtOnce(t *testing.T) {
	r := openRole(t)
	done := make(chan error, 20)
	for i := range cap(done) {
		go func() {
			done <- func() error {
				got := r.call(context.Background(), "start", argv("cat"))
				if got.err != nil {
					return got.err
				}
				c := &talk{r, got.value.(bindings.Ref)}
				for j := range 50 {
					line := fmt.Sprintf("%d.%d", i, j)
					if got := c.do(context.Background(), "write", line+"\n"); got.err != nil {
						return got.err
					}
					if got := c.do(context.Background(), "read", opts{"line": true}); got.value != line {
						return fmt.Errorf("%s: got %v, %w", line, got.value, got.err)
					}
				}
				return c.do(context.Background(), "close").err
			}()
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestPidIsTheProgramsOwn(t *testing.T) {
	r := openRole(t)
	c := r.start(argv("sh", "-c", "echo $$"))
	pid := c.do(context.Background(), "pid")
	c.expect(fmt.Sprintf("%.0f\n", pid.value), "read")
	c.ends(0)
}
