package main

import (
	"os"
	"path/filepath"
)

// serviceName is what the service is called here.
const serviceName = "io.bunny-lab.borealis-agent"

// programFolder is where a service's programs are put: out of users' reach, for a user's own among his files.
func programFolder(user bool) (string, error) {
	if !user {
		return "/Library/PrivilegedHelperTools/borealis-agent", nil // /usr/local is often some user's
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, "Library", "Application Support", "Borealis Agent"), err
}

// dataFolder is the runtime tree of a service for which none is named.
func dataFolder(user bool) (string, error) {
	if !user {
		return "/Library/Application Support/Borealis", nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, "Library", "Application Support", "Borealis"), err
}
