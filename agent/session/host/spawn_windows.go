package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"github.com/bunny-lab-io/borealis-agent/agent/session"
	"golang.org/x/sys/windows"
)

// desktop is the one that the user of a session sees.
const desktop = `winsta0\default`

// seclude has nothing to do: that the host's memory is open to its user is Windows' rule for all processes.
func seclude() error { return nil }

// belongs makes sure that this process is in the session that is meant, and not in that of the services.
func belongs(s session.Session) error {
	var own uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &own); err != nil {
		return fmt.Errorf("session of this process: %w", err)
	}
	if own == 0 || strconv.FormatUint(uint64(own), 10) != s.ID {
		return fmt.Errorf("process %d is in session %d, not in %q", os.Getpid(), own, s.ID)
	}
	return nil
}

// spawn starts the host with the token of the session's user, on the user's desktop, with the user's environment. It
// lives in a Job Object that ends it, and all that it starts, with this process.
func spawn(cfg Config) (*child, error) {
	token, err := userToken(cfg.Session)
	if err != nil {
		return nil, err
	}
	defer token.Close()
	env, err := token.Environ(false)
	if err != nil {
		return nil, fmt.Errorf("the user's environment: %w", err)
	}
	p, err := openPipes()
	if err != nil {
		return nil, err
	}
	process, job, err := create(token, cfg.Program, env, p)
	p.closeTheirs()
	if err != nil {
		p.closeOurs()
		return nil, err
	}
	return adopt(process, job, p), nil
}

// userToken is the token of whoever is logged in to a session.
func userToken(s session.Session) (windows.Token, error) {
	id, err := strconv.ParseUint(s.ID, 10, 32)
	if err != nil || id == 0 {
		return 0, fmt.Errorf("session %q is no user's", s.ID)
	}
	var token windows.Token
	if err := windows.WTSQueryUserToken(uint32(id), &token); err != nil {
		return 0, fmt.Errorf("token of the user: %w", err)
	}
	user, err := token.GetTokenUser()
	if err == nil && user.User.Sid.IsWellKnown(windows.WinLocalSystemSid) {
		err = errors.New("a session host never runs as SYSTEM")
	}
	if err != nil {
		return 0, errors.Join(err, token.Close())
	}
	return token, nil
}

// pipes are the host's standard streams, the ends of both sides.
type pipes struct{ ours, theirs [3]*os.File }

func openPipes() (p pipes, err error) {
	for i := range p.ours {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeOurs()
			p.closeTheirs()
			return p, err
		}
		p.ours[i], p.theirs[i] = r, w
		if i == 0 { // what the host reads
			p.ours[i], p.theirs[i] = w, r
		}
	}
	return p, nil
}

func (p pipes) closeOurs()   { closeAll(p.ours[:]) }
func (p pipes) closeTheirs() { closeAll(p.theirs[:]) }

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// adopt makes a child of what was created, and reads its last words.
func adopt(process, job windows.Handle, p pipes) *child {
	pid, _ := windows.GetProcessId(process)
	c := &child{pid: int(pid), stdin: p.ours[0], stdout: p.ours[1]}
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&c.stderr, p.ours[2]) })
	c.kill = func() error { return windows.TerminateJobObject(job, 1) }
	c.wait = func() error {
		_, err := windows.WaitForSingleObject(process, windows.INFINITE)
		var code uint32
		err = errors.Join(err, windows.GetExitCodeProcess(process, &code))
		// Closing the job ends whatever came of the host, and with it the pipes.
		err = errors.Join(err, windows.CloseHandle(job), windows.CloseHandle(process))
		reading.Wait()
		p.closeOurs()
		if code != 0 {
			err = errors.Join(fmt.Errorf("exit code %d", code), err)
		}
		return err
	}
	return c
}

// create starts the program so that it cannot run before it is in its job, and inherits three handles only.
func create(token windows.Token, program, env []string, p pipes) (process, job windows.Handle, err error) {
	var std [3]windows.Handle
	for i, f := range p.theirs {
		if std[i], err = inheritable(f); err != nil {
			return 0, 0, err
		}
		defer windows.CloseHandle(std[i])
	}
	list, err := windows.NewProcThreadAttributeList(1)
	if err != nil {
		return 0, 0, err
	}
	defer list.Delete()
	if err := list.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&std[0]), unsafe.Sizeof(std)); err != nil {
		return 0, 0, err
	}
	si := &windows.StartupInfoEx{ProcThreadAttributeList: list.List()}
	si.Cb, si.Flags = uint32(unsafe.Sizeof(*si)), windows.STARTF_USESTDHANDLES|windows.STARTF_USESHOWWINDOW
	si.StdInput, si.StdOutput, si.StdErr = std[0], std[1], std[2]
	if si.Desktop, err = windows.UTF16PtrFromString(desktop); err != nil {
		return 0, 0, err
	}
	line, err := windows.UTF16PtrFromString(windows.ComposeCommandLine(program))
	if err != nil {
		return 0, 0, err
	}
	path, err := windows.UTF16PtrFromString(program[0])
	if err != nil {
		return 0, 0, err
	}
	const flags = windows.CREATE_SUSPENDED | windows.CREATE_NO_WINDOW | windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT
	var pi windows.ProcessInformation
	if err := windows.CreateProcessAsUser(token, path, line, nil, nil, true, flags, block(env), nil, &si.StartupInfo, &pi); err != nil {
		return 0, 0, fmt.Errorf("start as the user: %w", err)
	}
	defer windows.CloseHandle(pi.Thread)
	if job, err = release(pi); err != nil {
		return 0, 0, errors.Join(err, windows.TerminateProcess(pi.Process, 1), windows.CloseHandle(pi.Process))
	}
	return pi.Process, job, nil
}

func inheritable(f *os.File) (h windows.Handle, err error) {
	self := windows.CurrentProcess()
	err = windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &h, 0, true, windows.DUPLICATE_SAME_ACCESS)
	return h, err
}

// block is an environment as Windows takes it.
func block(env []string) *uint16 {
	var all []uint16
	for _, v := range env {
		if text, err := windows.UTF16FromString(v); err == nil { // one with a zero in it is no variable
			all = append(all, text...)
		}
	}
	all = append(all, 0, 0)
	return &all[0]
}

// release puts a new process into its job and lets it run.
func release(pi windows.ProcessInformation) (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("job object: %w", err)
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err == nil {
		err = windows.AssignProcessToJobObject(job, pi.Process)
	}
	if err == nil {
		_, err = windows.ResumeThread(pi.Thread)
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("job object: %w", err), windows.CloseHandle(job))
	}
	return job, nil
}
