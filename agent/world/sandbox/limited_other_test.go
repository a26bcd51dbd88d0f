//go:build !unix || race

package sandbox

import "os/exec"

// limited starts a program without a limit: the race detector maps terabytes, and other systems have no ulimit.
func limited(exe string) *exec.Cmd {
	return exec.Command(exe)
}
