package control

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// uidOf is the user who opened the connection.
func uidOf(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Xucred
	var asked error
	err = raw.Control(func(fd uintptr) { cred, asked = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED) })
	if err := errors.Join(err, asked); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}
