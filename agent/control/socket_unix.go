//go:build unix

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxPath is what fits into sun_path with its final zero on every system: macOS has the least.
const maxPath = 103

// shortPrefix begins the name of the folder in which a socket lies whose own place has too long a path.
const shortPrefix = "borealis-"

func (at Place) path() string { return filepath.Join(at.Dir, "control_"+at.Name+".sock") }

type socket struct {
	l    *net.UnixListener
	path string // where clients look for it
}

// listen binds the socket. What lies there already was left by an agent that was killed, since only one serves a
// place.
func listen(at Place) (listener, error) {
	path := at.path()
	if err := sweep(path); err != nil {
		return nil, err
	}
	bound, err := short(path)
	if err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: bound, Net: "unix"})
	if err != nil {
		return nil, errors.Join(err, sweep(path))
	}
	l.SetUnlinkOnClose(false) // close sweeps, the link included
	// The folder keeps others off until then, and the peer is asked for besides.
	if err := os.Chmod(bound, 0o600); err != nil {
		return nil, errors.Join(err, l.Close(), sweep(path))
	}
	return &socket{l: l, path: path}, nil
}

// short is path where it fits into an address. Else the socket lies in a new private folder with a short name, and a
// link at path leads to it.
func short(path string) (string, error) {
	if len(path) <= maxPath {
		return path, nil
	}
	var errs []error
	for _, parent := range []string{"/run", "/var/run", os.Getenv("XDG_RUNTIME_DIR"), "/tmp"} {
		if parent == "" {
			continue
		}
		dir, err := os.MkdirTemp(parent, shortPrefix)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		bound := filepath.Join(dir, "s")
		if err := os.Symlink(bound, path); err != nil {
			return "", errors.Join(err, os.Remove(dir))
		}
		return bound, nil
	}
	return "", fmt.Errorf("no place for a socket: %w", errors.Join(errs...))
}

// sweep removes what an agent has left at path.
func sweep(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case fs.ModeSocket:
	case fs.ModeSymlink:
		if err := sweepLinked(path); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%q is no socket", path)
	}
	return os.Remove(path)
}

// sweepLinked removes the socket that a link of ours leads to, with its folder. Somebody may have cleaned up before.
func sweepLinked(path string) error {
	bound, err := os.Readlink(path)
	if err != nil || !strings.HasPrefix(filepath.Base(filepath.Dir(bound)), shortPrefix) {
		return err
	}
	for _, name := range []string{bound, filepath.Dir(bound)} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s *socket) accept(ctx context.Context) (conn, error) {
	defer context.AfterFunc(ctx, func() { _ = s.l.SetDeadline(time.Unix(1, 0)) })()
	c, err := s.l.AcceptUnix()
	if err != nil {
		if ctx.Err() != nil {
			err = nil
		}
		return nil, err
	}
	return c, nil
}

func (s *socket) close() error { return errors.Join(s.l.Close(), sweep(s.path)) }

func dial(ctx context.Context, at Place) (conn, error) {
	path := at.path()
	if len(path) > maxPath {
		bound, err := os.Readlink(path)
		if err != nil {
			return nil, err
		}
		path = bound
	}
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

// peer lets through the agent's own user and root.
func peer(c conn) error {
	uid, err := uidOf(c.(*net.UnixConn))
	if err != nil {
		return err
	}
	if uid != 0 && uid != uint32(os.Geteuid()) {
		return fmt.Errorf("user id %d may not ask", uid)
	}
	return nil
}

// uidOf is the user who opened a connection.
func uidOf(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var asked error
	err = raw.Control(func(fd uintptr) { uid, asked = uidAt(int(fd)) })
	return uid, errors.Join(err, asked)
}
