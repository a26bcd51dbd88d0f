package system

import (
	"path/filepath"
	"strings"
)

func isDevice(name string) bool { return strings.HasPrefix(name, "/dev/") }

// removable asks the disk; a partition lies in its disk's directory.
func (m machine) removable(device string) bool {
	name := filepath.Base(device)
	return m.line("sys/class/block", name, "removable") == "1" || m.line("sys/class/block", name, "../removable") == "1"
}
