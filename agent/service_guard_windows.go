package main

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// privileged says whether this process may install for the machine.
func privileged() bool { return windows.GetCurrentProcessToken().IsElevated() }

// openToOthers has nothing to add to reload.GuardedFolder, which reads the access list.
func openToOthers(string, fs.FileInfo) error { return nil }
