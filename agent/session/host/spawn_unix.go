//go:build !windows

package host

import (
	"errors"
	"os/exec"
)

// spawn starts the host as the user: with the user's ids and groups, in a session of its own, with what the login says
// for an environment and no descriptor but its three pipes.
func spawn(cfg Config) (*child, error) {
	if cfg.Login.UID == 0 {
		return nil, errors.New("a session host never runs as root")
	}
	cmd := exec.Command(self(cfg.Program[0]), cfg.Program[1:]...)
	cmd.Args[0] = cfg.Program[0]
	cmd.Env = append([]string{"GOTRACEBACK=single"}, cfg.Login.Env...)
	cmd.Dir = "/" // a home may not be there, or be the user's alone
	nest := newNest(cfg)
	cmd.SysProcAttr = attributes(cfg.Login, nest)
	c := &child{}
	cmd.Stderr = &c.stderr
	cmd.WaitDelay = leave // what the host started has its standard error, should it outlive it
	err := errors.Join(keepToSelf(), c.pipes(cmd))
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		nest.end()
		return nil, err
	}
	c.pid, c.kill = cmd.Process.Pid, cmd.Process.Kill
	c.wait = func() error {
		defer nest.end()
		return cmd.Wait()
	}
	return c, nil
}

func (c *child) pipes(cmd *exec.Cmd) (err error) {
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	c.stdout, err = cmd.StdoutPipe()
	return err
}
