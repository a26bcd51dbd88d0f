//go:build !windows

package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// machineSealer seals with a key file: root's in a place of its own, a user's among the state of that user.
func machineSealer(getenv func(string) string, machine func() (string, error)) Sealer {
	return &keySealer{
		credentials: getenv("CREDENTIALS_DIRECTORY"),
		file:        func() (string, error) { return SealKeyFile(getenv) },
		machine:     machine,
	}
}

// SealKeyFile is where this user's seal key lies, once there is one.
func SealKeyFile(getenv func(string) string) (string, error) {
	return sealKeyPlace(getenv, os.Geteuid())
}

func sealKeyPlace(getenv func(string) string, uid int) (string, error) {
	const name = "seal.key"
	if path := getenv(sealKeyVar); path != "" {
		return path, nil
	}
	if uid == 0 {
		return filepath.Join("/var/lib/borealis-agent", name), nil
	}
	if state := getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "borealis-agent", name), nil
	}
	home := getenv("HOME")
	if home == "" {
		return "", errors.New("no place for the seal key: HOME is not set; name the file in " + sealKeyVar)
	}
	return filepath.Join(home, ".local", "state", "borealis-agent", name), nil
}

func ownersOnly(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }
