//go:build unix

package process

import (
	"errors"
	"os"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is our side of a program's terminal. Reading from it ends when nobody has the other side open any more.
type terminal struct {
	read, write *os.File
}

// openTerminal lets the three streams lead to a new terminal.
func (e *ends) openTerminal(size window) error {
	read, theirs, err := pty.Open()
	if err != nil {
		return err
	}
	e.child, e.ours = []*os.File{theirs, theirs, theirs}, []*os.File{read}
	write, err := twin(read)
	if err != nil {
		return err
	}
	e.ours = append(e.ours, write)
	e.stdin, e.stdout, e.screen = write, read, &terminal{read: read, write: write}
	return e.screen.resize(size)
}

// twin is the same terminal as a file of its own, so that the end of writing does not end reading.
func twin(file *os.File) (*os.File, error) {
	fd, err := -1, error(nil)
	if failed := control(file, func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) }); failed != nil || err != nil {
		return nil, errors.Join(failed, err)
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}

// control lets f use the descriptor of a file, which stays as it is: (*os.File).Fd would make reading block a thread.
func control(file *os.File, f func(fd uintptr)) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(f)
}

// resize tells the terminal its size, and the system the program. Of a terminal that is gone, it does nothing.
func (t *terminal) resize(size window) error {
	var err error
	failed := control(t.read, func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(size.Rows), Col: uint16(size.Cols)})
	})
	if failed != nil { // it is closed
		return nil
	}
	return err
}

// ended is told that the program has ended. What it left behind may still write.
func (t *terminal) ended() {}

// hangUp ends writing: nobody reads any more.
func (t *terminal) hangUp() { _ = t.write.Close() }

// controlling makes a program's stdin the terminal that its session is controlled by.
func controlling(attr *syscall.SysProcAttr, e *ends) *syscall.SysProcAttr {
	if e.screen != nil {
		attr.Setctty, attr.Ctty = true, 0
	}
	return attr
}
