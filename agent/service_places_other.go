//go:build !windows && !darwin

package main

import (
	"os"
	"path/filepath"
)

// serviceName is what the service is called here.
const serviceName = "borealis-agent"

// programFolder is where a service's programs are put: out of users' reach, for a user's own among his files.
func programFolder(user bool) (string, error) {
	if !user {
		return "/usr/local/lib/borealis-agent", nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "lib", "borealis-agent"), err
}

// dataFolder is the runtime tree of a service for which none is named.
func dataFolder(user bool) (string, error) {
	if !user {
		return "/opt/borealis", nil
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "borealis"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share", "borealis"), err
}
