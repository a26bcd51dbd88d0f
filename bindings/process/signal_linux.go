package process

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// signal has the terminal send a signal to what runs in front; false says that it does not send this one.
func (t *terminal) signal(number syscall.Signal) (sent bool) {
	_ = control(t.read, func(fd uintptr) { sent = unix.IoctlSetInt(int(fd), unix.TIOCSIG, int(number)) == nil })
	return sent
}
