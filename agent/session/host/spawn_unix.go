//go:build !windows

package host

import (
	"errors"
	"os/exec"
	"syscall"
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
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: cfg.Login.UID, Gid: cfg.Login.GID, Groups: cfg.Login.Groups},
		Setsid:     true,
	}
	c := &child{}
	cmd.Stderr = &c.stderr
	cmd.WaitDelay = leave // what the host started has its standard error, should it outlive it
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.stdout, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := errors.Join(keepToSelf(), cmd.Start()); err != nil {
		return nil, err
	}
	c.pid, c.kill, c.wait = cmd.Process.Pid, cmd.Process.Kill, cmd.Wait
	return c, nil
}
