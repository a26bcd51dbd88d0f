package role

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// memory is what Windows lets one worker commit: the world's 64 MiB of live values with the collector's room.
const memory = 256 << 20

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW, HideWindow: true}
}

// systemEnv is what a Windows process needs to find its own system libraries.
func systemEnv() []string { return []string{"SystemRoot=" + os.Getenv("SystemRoot")} }

// keeper is the Job Object that a worker lives in: it dies when the agent's handle closes, however that comes.
type keeper struct{ job windows.Handle }

func hold(p *os.Process) (keeper, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return keeper{}, fmt.Errorf("job object: %w", err)
	}
	if err := errors.Join(limit(job), assign(job, p)); err != nil {
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

func assign(job windows.Handle, p *os.Process) error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(p.Pid))
	if err != nil {
		return err
	}
	return errors.Join(windows.AssignProcessToJobObject(job, h), windows.CloseHandle(h))
}

func (k keeper) release() { windows.CloseHandle(k.job) }
