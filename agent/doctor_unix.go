//go:build unix

package main

import (
	"io/fs"
	"path/filepath"
	"slices"
)

// secretNames are the files, and the folders, that must be their owner's only.
func secretNames() []string {
	return []string{"Settings", "Identity", "access.jwt", "refresh.token", "agent_identity_private.ed25519"}
}

// loose says whether others than the owner may get at something that is only his.
func loose(path string, info fs.FileInfo) bool {
	return info.Mode().Perm()&0o077 != 0 && slices.Contains(secretNames(), filepath.Base(path))
}
