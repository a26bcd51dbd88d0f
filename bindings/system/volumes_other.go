//go:build !linux && !windows

package system

import "strings"

func isDevice(name string) bool { return strings.HasPrefix(name, "/dev/") }

// removable is not asked here.
func (m machine) removable(string) bool { return false }
