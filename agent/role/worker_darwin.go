package role

import (
	"os"
	"syscall"
)

// attributes keep the terminal's signals from the worker. It notices the agent's death by the end of its input.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func systemEnv() []string { return nil }

// keeper has nothing to keep on this system.
type keeper struct{}

func hold(*os.Process) (keeper, error) { return keeper{}, nil }

func (keeper) release() {}
