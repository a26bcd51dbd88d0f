//go:build unix

package outbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// limitEnv makes this test a process whose files may not grow past a limit: a disk that is full.
const limitEnv = "BOREALIS_OUTBOX_LIMIT"

func TestAFullDiskIsAnErrorAndLosesNothing(t *testing.T) {
	if path := os.Getenv(limitEnv); path != "" {
		fillDisk(t, path)
		return
	}
	path := box(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestAFullDisk", "-test.count=1")
	cmd.Env = append(os.Environ(), limitEnv+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	o := open(t, path, Options{})
	n := o.Len()
	e := &engine{each: make(chan string, n)}
	start(t, o, e)
	drained(t, o, e, n)
	for i, got := range e.all() {
		if got != "r"+string(big(i).Data) {
			t.Fatalf("result %d is %.30q", i, got)
		}
	}
	put(t, o, n, n+10)
}

func fillDisk(t *testing.T, path string) {
	signal.Ignore(unix.SIGXFSZ)
	o := open(t, path, Options{})
	limit := unix.Rlimit{Cur: 256 << 10, Max: 256 << 10}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; n < 1000; n++ {
		if err := o.Put(big(n)); err != nil {
			if errors.Is(err, ErrFull) || o.Len() != n {
				t.Fatalf("%d results, then %v; %d wait", n, err, o.Len())
			}
			break
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if o = open(t, path, Options{}); o.Len() != n || n < 10 || n == 1000 {
		t.Fatalf("%d results were put, %d are there", n, o.Len())
	}
}

// big is a result of some kilobytes.
func big(i int) wire.Result {
	r := result(i)
	r.Data = fmt.Appendf(nil, "\"%d%s\"", i, strings.Repeat("x", 3000))
	return r
}
