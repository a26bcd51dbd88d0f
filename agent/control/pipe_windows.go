package control

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	pipeBuffer = 64 << 10
	pipeBusy   = 10 * time.Millisecond // between two tries at a pipe whose instances are all taken
)

// path names the pipe. Pipes have one name space for the whole machine, so the folder goes into the name.
func (at Place) path() string {
	dir := strings.ToLower(filepath.Clean(at.Dir))
	return fmt.Sprintf(`\\.\pipe\borealis-agent-%x-%s`, sha256.Sum256([]byte(dir)), at.Name)
}

// pipe is a named pipe, of which one instance always waits for a client.
type pipe struct {
	name   string
	access *windows.SECURITY_DESCRIPTOR
	next   windows.Handle
}

func listen(at Place) (listener, error) {
	access, err := ownerOnly()
	if err != nil {
		return nil, err
	}
	p := &pipe{name: at.path(), access: access}
	if p.next, err = p.instance(windows.FILE_FLAG_FIRST_PIPE_INSTANCE); err != nil {
		return nil, fmt.Errorf("pipe %q: %w", p.name, err)
	}
	return p, nil
}

// ownerOnly lets in SYSTEM, the administrators and this user. A token that is not elevated counts as no administrator.
func ownerOnly() (*windows.SECURITY_DESCRIPTOR, error) {
	self, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	return windows.SecurityDescriptorFromString("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;" + self.User.Sid.String() + ")")
}

// instance makes another instance of the pipe; as the first one it fails when somebody else has the name.
func (p *pipe) instance(first uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(p.name)
	if err != nil {
		return windows.InvalidHandle, err
	}
	access := windows.SecurityAttributes{SecurityDescriptor: p.access}
	access.Length = uint32(unsafe.Sizeof(access))
	return windows.CreateNamedPipe(name, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED|first,
		windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS, windows.PIPE_UNLIMITED_INSTANCES,
		pipeBuffer, pipeBuffer, 0, &access)
}

func (p *pipe) accept(ctx context.Context) (conn, error) {
	if connected, err := connect(ctx, p.next); !connected {
		return nil, err
	}
	taken := p.next
	var err error
	if p.next, err = p.instance(0); err != nil {
		return nil, errors.Join(fmt.Errorf("pipe %q: %w", p.name, err), windows.CloseHandle(taken))
	}
	return os.NewFile(uintptr(taken), p.name), nil
}

// connect waits for a client at an instance, or for the end of ctx.
func connect(ctx context.Context, h windows.Handle) (connected bool, err error) {
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return false, err
	}
	defer windows.CloseHandle(event) //nolint:errcheck // an event has nothing to lose
	waiting := &windows.Overlapped{HEvent: event}
	switch err := windows.ConnectNamedPipe(h, waiting); {
	case err == nil, errors.Is(err, windows.ERROR_PIPE_CONNECTED):
		return true, nil
	case !errors.Is(err, windows.ERROR_IO_PENDING):
		return false, err
	}
	defer context.AfterFunc(ctx, func() { _ = windows.CancelIoEx(h, waiting) })()
	var n uint32
	err = windows.GetOverlappedResult(h, waiting, &n, true)
	if errors.Is(err, windows.ERROR_OPERATION_ABORTED) && ctx.Err() != nil {
		return false, nil
	}
	return err == nil, err
}

func (p *pipe) close() error {
	if p.next == windows.InvalidHandle {
		return nil
	}
	return windows.CloseHandle(p.next)
}

// dial opens the pipe. Whoever is at its other end learns who we are, and may not act as us.
func dial(ctx context.Context, at Place) (conn, error) {
	name, err := windows.UTF16PtrFromString(at.path())
	if err != nil {
		return nil, err
	}
	for {
		h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING,
			windows.FILE_FLAG_OVERLAPPED|windows.SECURITY_SQOS_PRESENT|windows.SECURITY_IDENTIFICATION, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(h), at.path()), nil
		case !errors.Is(err, windows.ERROR_PIPE_BUSY):
			return nil, &fs.PathError{Op: "open", Path: at.path(), Err: err}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pipeBusy):
		}
	}
}

// peer lets through this user, SYSTEM and elevated administrators. The pipe's access list has kept all others off
// already; this is the second lock.
func peer(c conn) error {
	raw, err := c.(*os.File).SyscallConn()
	if err != nil {
		return err
	}
	var pid uint32
	var asked error
	err = raw.Control(func(h uintptr) { asked = windows.GetNamedPipeClientProcessId(windows.Handle(h), &pid) })
	if err := errors.Join(err, asked); err != nil {
		return err
	}
	token, err := tokenOf(pid)
	if err != nil {
		return err
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return err
	}
	self, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if !user.User.Sid.Equals(self.User.Sid) && !user.User.Sid.IsWellKnown(windows.WinLocalSystemSid) && !token.IsElevated() {
		return fmt.Errorf("user %s may not ask", user.User.Sid)
	}
	return nil
}

func tokenOf(pid uint32) (token windows.Token, err error) {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(process) //nolint:errcheck // it was only looked at
	err = windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token)
	return token, err
}
