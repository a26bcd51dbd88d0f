//go:build unix && !race

package sandbox

import "os/exec"

// limited starts a program with a limit on its address space: more than Go's runtime needs, less than would hurt.
func limited(exe string) *exec.Cmd {
	return exec.Command("/bin/sh", "-c", `ulimit -v 4194304; exec "$0"`, exe)
}
