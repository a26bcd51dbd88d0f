package socketio_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// programTime bounds the life of a program that a test starts.
const programTime = 5 * time.Minute

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// program is a foreign peer: a process that ends with its standard input, by its own will or by force.
type program struct {
	lines <-chan string // of its standard output; closed at its end
	stop  func()
	kept  []string // lines that came before the one that was awaited
}

// need skips the test where a tool is missing, or fails it where everything is said to be installed.
func need(t testing.TB, what string, there bool) {
	t.Helper()
	switch {
	case there:
	case os.Getenv("CI") != "":
		t.Fatalf("missing %s: run make test", what)
	default:
		t.Skipf("missing %s: run make test", what)
	}
}

// node returns the command line that runs one of testdata/interop's JavaScript programs.
func node(t testing.TB, script string) []string {
	t.Helper()
	path, err := exec.LookPath("node")
	need(t, "node", err == nil)
	_, err = os.Stat(filepath.Join("testdata", "interop", "node_modules", "socket.io", "package.json"))
	need(t, "testdata/interop/node_modules", err == nil)
	return []string{path, script}
}

// python returns the command line that runs one of testdata/interop's Python programs. Debian's modules are those
// of Debian's interpreter, which need not be the first on the path.
func python(t testing.TB, script string, modules ...string) []string {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	for _, m := range append([]string{"socketio"}, modules...) {
		err := exec.CommandContext(t.Context(), interpreter, "-c", "import "+m).Run()
		need(t, "python3 module "+m, err == nil)
	}
	return []string{interpreter, "-B", script}
}

// run starts a program in testdata/interop. It is stopped when the test ends.
func run(t testing.TB, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), programTime)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = filepath.Join("testdata", "interop")
	cmd.Cancel = func() error { return nil } // the end of its input comes first; a second later it is killed
	cmd.WaitDelay = time.Second
	var errors bytes.Buffer
	cmd.Stderr = &errors
	stdin, err := cmd.StdinPipe() // its end tells the program to go, even when the test process is killed
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, ended := make(chan string, 1000), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			lines <- s.Text()
		}
	}()
	stop := sync.OnceFunc(func() {
		stdin.Close()
		cancel()
		<-ended
		cmd.Wait()
		if t.Failed() && errors.Len() > 0 {
			t.Logf("%s said: %s", strings.Join(args, " "), errors.Bytes())
		}
	})
	t.Cleanup(stop)
	return &program{lines: lines, stop: stop}
}

// freePort returns a port of loopback on which nobody listens.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// await waits for a line of the program's output that begins with what, and keeps the others for later.
func (p *program) await(t testing.TB, what string) string {
	t.Helper()
	for i, line := range p.kept {
		if strings.HasPrefix(line, what) {
			p.kept = slices.Delete(p.kept, i, i+1)
			return line
		}
	}
	for timeout := time.After(soon); ; {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the program ended before %q", what)
			}
			if strings.HasPrefix(line, what) {
				return line
			}
			p.kept = append(p.kept, line)
		case <-timeout:
			t.Fatalf("no %q came, but %.2000q", what, p.kept)
		}
	}
}
