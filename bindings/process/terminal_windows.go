package process

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// terminal is a pseudo console: a console whose screen and keyboard are two pipes.
type terminal struct {
	mu      sync.Mutex
	console windows.Handle // 0 once it is closed
	write   *os.File
}

// openTerminal lets the three streams lead to a new pseudo console.
func (e *ends) openTerminal(size window) error {
	theirInput, input, err := os.Pipe()
	if err != nil {
		return err
	}
	e.child, e.ours = []*os.File{theirInput}, []*os.File{input}
	output, theirOutput, err := os.Pipe()
	if err != nil {
		return err
	}
	e.child, e.ours = append(e.child, theirOutput), append(e.ours, output)
	t := &terminal{write: input}
	err = windows.CreatePseudoConsole(size.coord(), windows.Handle(theirInput.Fd()), windows.Handle(theirOutput.Fd()), 0, &t.console)
	if err != nil {
		return fmt.Errorf("make a pseudo console: %w", err)
	}
	e.stdin, e.stdout, e.screen = input, output, t
	return nil
}

func (w window) coord() windows.Coord { return windows.Coord{X: int16(w.Cols), Y: int16(w.Rows)} }

func (t *terminal) resize(size window) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.console == 0 {
		return nil // the program is gone
	}
	return windows.ResizePseudoConsole(t.console, size.coord())
}

// ended is told that the program has ended. Only now its output may end too: the console holds it open.
func (t *terminal) ended() { t.hangUp() }

// hangUp ends the console, which flushes what is on its screen and closes its pipes.
func (t *terminal) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.console != 0 {
		windows.ClosePseudoConsole(t.console)
		t.console = 0
	}
	_ = t.write.Close()
}

// start starts a program asleep, in a job and with this console, which the standard library has no way to say. With a
// process it may give an error, when that is not in the job.
func (t *terminal) start(o order, job windows.Handle) (*os.Process, error) {
	path, err := windows.UTF16PtrFromString(o.path)
	if err != nil {
		return nil, err
	}
	line, err := windows.UTF16PtrFromString(windows.ComposeCommandLine(o.argv))
	if err != nil {
		return nil, err
	}
	var dir *uint16
	if o.dir != "" {
		if dir, err = windows.UTF16PtrFromString(o.dir); err != nil {
			return nil, err
		}
	}
	list, err := windows.NewProcThreadAttributeList(1)
	if err != nil {
		return nil, err
	}
	defer list.Delete()
	// The handle's value itself is what the attribute points to.
	value := *(*unsafe.Pointer)(unsafe.Pointer(&t.console))
	if err := list.Update(windows.PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, value, unsafe.Sizeof(t.console)); err != nil {
		return nil, err
	}
	startup := windows.StartupInfoEx{ProcThreadAttributeList: list.List()}
	startup.Cb = uint32(unsafe.Sizeof(startup))
	if redirected() {
		startup.Flags = windows.STARTF_USESTDHANDLES // with none
	}
	const flags = windows.CREATE_SUSPENDED | windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT
	var made windows.ProcessInformation
	err = windows.CreateProcess(path, line, nil, nil, false, flags, environmentBlock(o.env), dir, &startup.StartupInfo, &made)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = windows.CloseHandle(made.Thread)
		_ = windows.CloseHandle(made.Process)
	}()
	p, err := os.FindProcess(int(made.ProcessId)) // it sleeps, so the number is still its own
	if err != nil {
		return nil, errors.Join(err, windows.TerminateProcess(made.Process, 1))
	}
	return p, windows.AssignProcessToJobObject(job, made.Process)
}

// redirected reports whether the agent's own output leads elsewhere than to a console. A program that is told nothing
// of its streams would be given the agent's then, and not the new console.
func redirected() bool {
	var mode uint32
	return windows.GetConsoleMode(windows.Stdout, &mode) != nil
}

// environmentBlock is the form in which the system takes variables. A zero byte was refused before.
func environmentBlock(env []string) *uint16 {
	var block []uint16
	for _, v := range env {
		block = append(append(block, utf16.Encode([]rune(v))...), 0)
	}
	block = append(block, 0)
	return &block[0]
}
