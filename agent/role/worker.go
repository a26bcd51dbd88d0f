package role

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
)

// leave is how long a worker has to go after it was hung up on. It has nothing to save.
const leave = 500 * time.Millisecond

// worker is the process in which a role's world lives.
type worker struct {
	cmd    *exec.Cmd
	pid    int
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr ipc.Words
	keep   keeper
	hung   sync.Once
}

// spawn starts a worker with nothing but its two pipes: no environment and no directory of its own.
func spawn(path string, args []string) (*worker, error) {
	w := &worker{cmd: exec.Command(path, args...)}
	w.cmd.Env = append([]string{"GOMAXPROCS=2", "GOTRACEBACK=single"}, systemEnv()...)
	w.cmd.Dir = os.TempDir()
	w.cmd.Stderr = &w.stderr
	w.cmd.WaitDelay = leave
	var started func()
	w.cmd.SysProcAttr, started = attributes()
	defer started()
	var err error
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if w.stdout, err = w.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	w.pid = w.cmd.Process.Pid
	if w.keep, err = hold(w.cmd.Process, &w.stderr); err != nil {
		return nil, errors.Join(err, w.cmd.Process.Kill(), w.cmd.Wait())
	}
	return w, nil
}

// hangup ends the conversation: the worker leaves when it has noticed, or is made to.
func (w *worker) hangup() {
	w.hung.Do(func() {
		w.stdin.Close()
		w.stdout.Close()
	})
}

// errNoMemory says what Go's runtime says at length: the system's limit came before the world noticed its own.
var errNoMemory = errors.New("worker died: the role holds too much memory: the system gives it no more")

// end waits until the process is gone, and says what it died of. The broken conversation's own error counts only
// when the process has nothing better to tell.
func (w *worker) end(conversation error) error {
	w.hangup()
	kill := time.AfterFunc(leave, func() { w.cmd.Process.Kill() })
	err := w.cmd.Wait()
	kill.Stop()
	w.keep.release()
	said := w.stderr.String()
	switch {
	case strings.Contains(said, "out of memory"), strings.Contains(said, "cannot allocate memory"):
		return errNoMemory
	case said != "":
		return fmt.Errorf("worker died: %s", said)
	case errors.Is(conversation, ipc.ErrFrame), errors.Is(conversation, ipc.ErrFlood):
		return fmt.Errorf("worker was ended for what it said: %w", conversation)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("worker died: %w", err)
	}
	return fmt.Errorf("worker left: %w", conversation)
}
