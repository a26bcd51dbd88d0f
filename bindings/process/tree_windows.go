package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// tree is a program in a Job Object: all that comes of it is born into the job, ends with it, and ends with the agent,
// whose death closes the job's only handle.
type tree struct {
	job     windows.Handle
	process windows.Handle
}

// spawner starts programs; here it has nothing to keep.
type spawner struct{}

// Close has nothing to let go of.
func (*spawner) Close() error { return nil }

func newSpawner() *spawner { return &spawner{} }

// start starts a program asleep, so that it cannot start others before it is in its job.
func (*spawner) start(o order, e *ends) (*os.Process, *tree, error) {
	t, err := newJob()
	if err != nil {
		return nil, nil, err
	}
	p, err := t.asleep(o, e)
	if p == nil {
		return nil, nil, errors.Join(err, t.close())
	}
	if err == nil {
		err = t.wake(p)
	}
	if err != nil {
		err = errors.Join(err, p.Kill(), t.close())
		_, _ = p.Wait()
		return nil, nil, err
	}
	return p, t, nil
}

// asleep starts a program that sleeps in the job. With a process it may give an error, when that is not in the job.
func (t *tree) asleep(o order, e *ends) (*os.Process, error) {
	if e.screen != nil {
		return e.screen.start(o, t.job)
	}
	attr := o.attributes(e)
	attr.Sys = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_SUSPENDED | windows.CREATE_NO_WINDOW}
	p, err := os.StartProcess(o.path, o.argv, attr)
	if err != nil {
		return nil, err
	}
	var failed error
	err = p.WithHandle(func(handle uintptr) { failed = windows.AssignProcessToJobObject(t.job, windows.Handle(handle)) })
	return p, errors.Join(err, failed)
}

func newJob() (*tree, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("create a job object: %w", err)
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("limit a job object: %w", err), windows.CloseHandle(job))
	}
	return &tree{job: job}, nil
}

// wake lets the sleeping program run, once there is a handle to wait for its end with.
func (t *tree) wake(p *os.Process) error {
	var failed error
	err := p.WithHandle(func(handle uintptr) {
		self := windows.CurrentProcess()
		failed = windows.DuplicateHandle(self, windows.Handle(handle), self, &t.process, windows.SYNCHRONIZE, false, 0)
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	return resume(uint32(p.Pid))
}

// resume wakes the only thread of a process that has just been made. Go lets go of the thread's handle, so it is
// found anew; the process cannot end meanwhile, and its number not change hands.
func resume(pid uint32) error {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID == pid {
			return wakeThread(entry.ThreadID)
		}
	}
	return fmt.Errorf("find the program's thread: %w", err)
}

func wakeThread(id uint32) error {
	thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, id)
	if err != nil {
		return fmt.Errorf("open the program's thread: %w", err)
	}
	_, err = windows.ResumeThread(thread)
	return errors.Join(err, windows.CloseHandle(thread))
}

// await returns when the program has ended.
func (t *tree) await() { _, _ = windows.WaitForSingleObject(t.process, windows.INFINITE) }

func (t *tree) kill() { _ = windows.TerminateJobObject(t.job, 1) }

// sweep ends what the program left behind, waits a while for it to be gone, and reports how many withstood.
func (t *tree) sweep() int {
	t.kill()
	left := t.active()
	for range 200 {
		if left == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
		left = t.active()
	}
	return left
}

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION.
type accounting struct {
	userTime, kernelTime, periodUserTime, periodKernelTime int64
	pageFaults, total, active, terminated                  uint32
}

// active is how many processes of the job live.
func (t *tree) active() int {
	var info accounting
	const basicAccounting = 1 // JobObjectBasicAccountingInformation
	err := windows.QueryInformationJobObject(t.job, basicAccounting,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	if err != nil {
		return 0
	}
	return int(info.active)
}

func (t *tree) close() error {
	var err error
	if t.process != 0 {
		err = windows.CloseHandle(t.process)
	}
	return errors.Join(err, windows.CloseHandle(t.job))
}

// owner names this agent in the markers of its runs.
func owner() string { return fmt.Sprint(os.Getpid()) }

// endOrphans has nothing to do: a job ends with its agent.
func endOrphans() {}
