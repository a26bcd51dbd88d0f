package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// rootOf is the runtime tree that a command means: the one that is named, else that of the service installed here, of the
// machine or of the user who asks. An administrator means the machine's before his own.
func rootOf(flag string) (string, error) {
	root, err := settings.Root(flag, os.Getenv)
	if !errors.Is(err, settings.ErrNoRoot) {
		return root, err
	}
	for _, user := range []bool{!privileged(), privileged()} {
		usual, trouble := dataFolder(user)
		if trouble != nil {
			continue
		}
		if _, trouble := os.Stat(filepath.Join(usual, "Agent", "Borealis", "Settings")); trouble == nil {
			return usual, nil
		}
	}
	return "", err
}
