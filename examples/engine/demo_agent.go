package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// The agent has this long to end by itself, and then its pipes to be read to their end.
const (
	endLimit  = 15 * time.Second
	pipeLimit = 5 * time.Second
)

// agentProcess is the agent that the demo started.
type agentProcess struct {
	cmd      *exec.Cmd
	patience time.Duration // how long it may take to end
	done     chan struct{} // closed when the process has ended and its output was read
	err      error         // how it ended; read it after done
}

// findAgent gives the agent's binary.
func findAgent(named string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", err
		}
		return filepath.Abs(path)
	}
	name := "borealis-agent"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	places := []string{filepath.Join("bin", name)}
	if self, err := os.Executable(); err == nil {
		places = append([]string{filepath.Join(filepath.Dir(self), name)}, places...)
	}
	for _, path := range places {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return filepath.Abs(path)
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", withHint(fmt.Errorf("%s: %w", name, err), "build it with: make build, or name it with --agent")
	}
	return path, nil
}

// startAgent starts the agent in a process group of its own, so that Ctrl-C reaches the demo alone, which then ends
// the agent in its turn.
func startAgent(binary string, line func(string), env []string, args ...string) (*agentProcess, error) {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	out := &lines{take: line}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = pipeLimit
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &agentProcess{cmd: cmd, patience: endLimit, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
	}()
	return p, nil
}

func (p *agentProcess) pid() int { return p.cmd.Process.Pid }

// died is the error of an agent that ended by itself.
func (p *agentProcess) died() error {
	<-p.done
	if p.err == nil {
		return errors.New("the agent ended by itself")
	}
	return fmt.Errorf("the agent ended by itself: %w", p.err)
}

// stop asks the agent to end and waits until it has. One that does not is killed, which is an error.
func (p *agentProcess) stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := askToEnd(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	limit := time.NewTimer(p.patience)
	defer limit.Stop()
	select {
	case <-p.done:
		return p.err
	case <-limit.C:
	}
	err := p.cmd.Process.Kill()
	<-p.done
	return errors.Join(fmt.Errorf("the agent, pid %d, did not end within %v and was killed", p.pid(), p.patience), err)
}
