package main

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// serviceName is what the service is called here.
const serviceName = "BorealisAgent"

// programFolder is where a service's programs are put: out of users' reach, for a user's own among his files.
func programFolder(user bool) (string, error) {
	if user {
		return below(windows.FOLDERID_LocalAppData, "Borealis Agent")
	}
	return below(windows.FOLDERID_ProgramFiles, "Borealis Agent")
}

// dataFolder is the runtime tree of a service for which none is named.
func dataFolder(user bool) (string, error) {
	if user {
		return below(windows.FOLDERID_LocalAppData, "Borealis")
	}
	return below(windows.FOLDERID_ProgramData, "Borealis")
}

// below asks the system rather than the environment, which whoever starts this may have arranged.
func below(folder *windows.KNOWNFOLDERID, name string) (string, error) {
	dir, err := windows.KnownFolderPath(folder, windows.KF_FLAG_DEFAULT)
	return filepath.Join(dir, name), err
}
