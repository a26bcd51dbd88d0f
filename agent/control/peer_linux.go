package control

import "golang.org/x/sys/unix"

// uidAt is the user who opened the connection behind a descriptor.
func uidAt(fd int) (uint32, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return cred.Uid, nil
}
