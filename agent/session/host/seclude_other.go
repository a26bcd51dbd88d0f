//go:build !linux && !windows

package host

import (
	"fmt"
	"os"
	"syscall"

	"github.com/bunny-lab-io/borealis-agent/agent/session"
)

func self(path string) string { return path }

// keepToSelf has nothing to do: Go keeps its own descriptors back.
func keepToSelf() error { return nil }

// nest is nothing on this system: it has no control groups.
type nest struct{}

func newNest(Config) *nest { return nil }

func (n *nest) end() {}

// attributes make the host the user's, in a session of its own.
func attributes(to session.Login, _ *nest) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: to.UID, Gid: to.GID, Groups: to.Groups},
		Setsid:     true,
	}
}

// seclude has nothing to do: a process that has changed its user is not to be traced on this system.
func seclude() error { return nil }

// belongs makes sure that this process is the session's user.
func belongs(s session.Session) error {
	if uid := int(s.UID); uid == 0 || os.Getuid() != uid || os.Geteuid() != uid {
		return fmt.Errorf("process %d is not user %d", os.Getpid(), uid)
	}
	return nil
}
