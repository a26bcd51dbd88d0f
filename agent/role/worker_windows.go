package role

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// attributes start a worker asleep, so that nothing of it runs outside of its job, and without a console, which would
// be a second process. Where no plain token is to be had it gets the agent's, notices that, and says so. What is
// inherited, os/exec sees to: the three handles of its standard streams, which are pipes, and no other.
func attributes() (attr *syscall.SysProcAttr, started func()) {
	attr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED | windows.DETACHED_PROCESS, HideWindow: true}
	token, err := plainToken()
	if err != nil {
		return attr, func() {}
	}
	attr.Token = syscall.Token(token)
	return attr, func() { token.Close() }
}

// systemEnv is what a Windows process needs to find its own system libraries.
func systemEnv() []string { return []string{"SystemRoot=" + os.Getenv("SystemRoot")} }

// keeper is the Job Object that a worker lives in: it dies when the agent's handle closes, however that comes.
type keeper struct{ job windows.Handle }

// hold puts a sleeping worker into its job and wakes it.
func hold(p *os.Process, _ io.Writer) (keeper, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return keeper{}, fmt.Errorf("job object: %w", err)
	}
	if err = errors.Join(limit(job), confine(job)); err == nil {
		err = assign(job, p)
	}
	if err == nil {
		err = wake(uint32(p.Pid))
	}
	if err != nil {
		return keeper{}, errors.Join(fmt.Errorf("job object: %w", err), windows.CloseHandle(job))
	}
	return keeper{job}, nil
}

func limit(job windows.Handle) error {
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE |
		windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY | windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS |
		windows.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION
	info.BasicLimitInformation.ActiveProcessLimit = 1
	info.ProcessMemoryLimit = memory
	_, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	return err
}

// confine takes the desktop from the job: the clipboard, the windows and the settings of others, and its end.
func confine(job windows.Handle) error {
	info := windows.JOBOBJECT_BASIC_UI_RESTRICTIONS{
		UIRestrictionsClass: windows.JOB_OBJECT_UILIMIT_DESKTOP | windows.JOB_OBJECT_UILIMIT_DISPLAYSETTINGS |
			windows.JOB_OBJECT_UILIMIT_EXITWINDOWS | windows.JOB_OBJECT_UILIMIT_GLOBALATOMS |
			windows.JOB_OBJECT_UILIMIT_HANDLES | windows.JOB_OBJECT_UILIMIT_READCLIPBOARD |
			windows.JOB_OBJECT_UILIMIT_SYSTEMPARAMETERS | windows.JOB_OBJECT_UILIMIT_WRITECLIPBOARD,
	}
	_, err := windows.SetInformationJobObject(job, windows.JobObjectBasicUIRestrictions,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	return err
}

func assign(job windows.Handle, p *os.Process) (err error) {
	lost := p.WithHandle(func(handle uintptr) { err = windows.AssignProcessToJobObject(job, windows.Handle(handle)) })
	return errors.Join(lost, err)
}

// wake lets the only thread of a process run that was started asleep. Go lets go of the thread's handle, so it is found
// anew; the process cannot end meanwhile, and its number not change hands.
func wake(pid uint32) error {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID == pid {
			return wakeThread(entry.ThreadID)
		}
	}
	return fmt.Errorf("find the worker's thread: %w", err)
}

func wakeThread(id uint32) error {
	thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, id)
	if err != nil {
		return fmt.Errorf("open the worker's thread: %w", err)
	}
	_, err = windows.ResumeThread(thread)
	return errors.Join(err, windows.CloseHandle(thread))
}

func (k keeper) release() { windows.CloseHandle(k.job) }
