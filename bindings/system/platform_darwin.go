package system

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

func (m machine) platform(context.Context) (platform, error) {
	version, err := unix.Sysctl("kern.osproductversion")
	if err != nil {
		return platform{}, fmt.Errorf("version of macOS: %w", err)
	}
	kernel, _ := unix.Sysctl("kern.osrelease")
	arch, _ := unix.Sysctl("hw.machine")
	return platform{
		Family: "darwin", ID: "macos", Name: "macOS " + version, Version: version, Kernel: kernel, Architecture: arch,
		Graphical: true,
	}, nil
}
