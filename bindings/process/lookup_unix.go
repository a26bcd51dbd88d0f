//go:build unix

package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// defaultPath is where programs are looked for when the agent has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// maxLinks is how many symbolic links a path may go through; Linux itself allows 40.
const maxLinks = 40

func bareName(name string) string { return name }

func fileNames(name string) []string { return []string{name} }

// startable is for systems that have programs with rules of their own.
func startable(string) error { return nil }

func runnable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// trusted says whether nobody but this user and root can change what the path leads to: every directory and link on
// the way, and the file, must belong to one of the two; group and others may write neither the file nor a directory,
// save one with the sticky bit, where they cannot touch what is not theirs.
func trusted(path string) error {
	at, rest, links := "/", split(path), 0
	for len(rest) > 0 {
		at, rest = filepath.Join(at, rest[0]), rest[1:]
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if info.Mode()&os.ModeSymlink == 0 {
			if err := guarded(at, info, len(rest) > 1); err != nil {
				return err
			}
			continue
		}
		target, err := os.Readlink(at)
		if err != nil {
			return err
		}
		if links++; links > maxLinks || !ours(info) {
			return fmt.Errorf("%q: a link that is not followed", at)
		}
		if at = filepath.Dir(at); filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(split(target), rest...)
	}
	return nil
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// guarded checks one file or directory; a sticky directory will do only as a passage to another one.
func guarded(path string, info os.FileInfo, passage bool) error {
	switch {
	case !ours(info):
		return fmt.Errorf("%q: belongs to another user", path)
	case info.Mode().Perm()&0o022 == 0, passage && info.IsDir() && info.Mode()&os.ModeSticky != 0:
		return nil
	}
	return fmt.Errorf("%q: may be written by others", path)
}

// ours reports whether root or this user owns a file.
func ours(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}
