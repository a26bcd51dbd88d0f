package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// self starts this test program as something else; see actor_windows_test.go.
func self(t *testing.T, part string) ([]any, opts) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return argv(exe, "an argument", `with "quotes" and \`), opts{"env": opts{partVariable: part}}
}

func TestBatch(t *testing.T) {
	r := openRole(t)
	const script = "@echo off\necho hi %GREETING%\necho oops 1>&2\nset /a N=40+2\necho %N%\nif exist \"%~dp0a.txt\" type \"%~dp0a.txt\"\nexit /b 3\n"
	done := r.must("run_script", "batch", script, opts{"env": opts{"GREETING": "tern"}, "files": opts{"a.txt": "beside\r\n"}})
	if done["exit_code"] != 3.0 || !strings.HasPrefix(done["stderr"].(string), "oops") {
		t.Errorf("got %v", done)
	}
	for _, line := range []string{"hi tern\r\n", "42", "beside\r\n"} {
		if !strings.Contains(done["stdout"].(string), line) {
			t.Errorf("no %q in %q", line, done["stdout"])
		}
	}
	if left := entries(t, r.host.Where.DataDir); len(left) != 1 || len(entries(t, filepath.Join(r.host.Where.DataDir, left[0]))) != 1 {
		t.Errorf("more than the lock is left: %q", left)
	}
}

func TestBatchFilesTakeNoArguments(t *testing.T) {
	r := openRole(t)
	r.call(context.Background(), "run", argv(`C:\x.bat`, "&calc")).refused(t, "unsupported")
	r.call(context.Background(), "run_script", "sh", "exit 0").refused(t, "unsupported", "bash, batch, powershell, python")
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	r := openRole(t)
	args, options := self(t, "arguments")
	done := r.must("run", args, options)
	if want := "an argument|with \"quotes\" and \\"; done["stdout"] != want || done["exit_code"] != 7.0 {
		t.Errorf("got %q, want %q", done, want)
	}
}

func TestTheJobKillsGrandchildren(t *testing.T) {
	for name, end := range map[string]func(r *role, result <-chan result, cancel func()){
		"timeout": func(r *role, result <-chan result, _ func()) {
			r.host.Advance(time.Minute)
			if done := (<-result).table(t); done["timed_out"] != true || done["exit_code"] != -1.0 {
				t.Errorf("got %v", done)
			}
		},
		"cancelled": func(_ *role, result <-chan result, cancel func()) {
			cancel()
			(<-result).refused(t, "cancelled")
		},
		"the role's end": func(r *role, result <-chan result, _ func()) {
			if err := r.set.Close(); err != nil {
				t.Error(err)
			}
			<-result
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := openRole(t)
			args, options := self(t, "parent")
			options["cwd"], options["timeout"] = t.TempDir(), 60.0
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			result := r.begin(ctx, "run", args, options)
			pids := words(t, filepath.Join(options["cwd"].(string), "pids"), 3)
			for _, pid := range pids {
				if gone(t, pid) {
					t.Errorf("process %s is dead too early", pid)
				}
			}
			end(r, result, cancel)
			for _, pid := range pids {
				if !gone(t, pid) {
					t.Errorf("process %s lives", pid)
				}
			}
		})
	}
}

func TestWhatAProgramLeavesBehindIsKilled(t *testing.T) {
	r := openRole(t)
	args, options := self(t, "leaver")
	options["cwd"] = t.TempDir()
	if done := r.must("run", args, options); done["exit_code"] != 0.0 {
		t.Errorf("got %v", done)
	}
	for _, pid := range words(t, filepath.Join(options["cwd"].(string), "pids"), 1) {
		if !gone(t, pid) {
			t.Errorf("process %s lives", pid)
		}
	}
}

// gone reports whether a process has ended.
func gone(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(n))
	if err != nil {
		return true
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	event, err := windows.WaitForSingleObject(handle, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}

func TestOutputIsOfTheOldCodePage(t *testing.T) {
	r := openRole(t)
	args, options := self(t, "bytes")
	want, err := fromCodePage(oemCodePage(), []byte("a\x81b\x8a\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if done := r.must("run", args, options); done["stdout"] != want || done["stdout_bytes"] != 6.0 {
		t.Errorf("got %q, want %q", done, want)
	}
	if want == "a\x81b\x8a\r\n" {
		t.Errorf("code page %d says nothing", oemCodePage())
	}
	for page, text := range map[uint32]string{437: "zaü", 852: "zaü", 1250: "za\u0081", 65001: "za\uFFFD"} {
		if got, err := fromCodePage(page, []byte("za\x81")); err != nil || got != text {
			t.Errorf("code page %d: %q, %v; want %q", page, got, err, text)
		}
	}
}

func TestAScriptOfPowerShellIsCalledAsUpstreamCallsIt(t *testing.T) {
	r := openRole(t)
	stub := replacePowerShell(t)
	done := r.must("run_script", "powershell", "Write-Output 'zażółć'\n", opts{"env": opts{partVariable: "powershell"}})
	if done["exit_code"] != 5.0 {
		t.Fatalf("%s: got %v", stub, done)
	}
	line, text, _ := strings.Cut(done["stdout"].(string), "\n")
	want := strings.Join(powershellArguments(), "|") + "|"
	if path, ok := strings.CutPrefix(line, want); !ok || filepath.Base(path) != "script.ps1" {
		t.Errorf("got %q", line)
	}
	if text != fmt.Sprintf("%q", utf8Mark+"Write-Output 'zażółć'\n") {
		t.Errorf("the script is %s", text)
	}
}

// replacePowerShell puts this program in the place of Wine's own, which does nothing. A real one stays where it is.
func replacePowerShell(t *testing.T) string {
	t.Helper()
	path, err := powershell(newModule(openRole(t).host))
	if err != nil {
		t.Skip("no PowerShell to stand in for")
	}
	before, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(before[:min(len(before), 4096)], []byte("Wine builtin")) {
		t.Skip("a real PowerShell is not replaced")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(exe)
	if err := errors.Join(err, os.WriteFile(path, own, 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0o700); err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestHandlesAreClosed(t *testing.T) {
	r := openRole(t)
	args, options := self(t, "arguments")
	r.must("run", args, options)
	before := handles(t)
	for range 5 {
		r.must("run", args, options)
		r.call(context.Background(), "run", argv(`C:\no\such.exe`))
	}
	if after := handles(t); after > before+2 {
		t.Errorf("%d handles were open, now %d", before, after)
	}
}

func handles(t *testing.T) (count uint32) {
	t.Helper()
	proc := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
	if ok, _, err := proc.Call(uintptr(windows.CurrentProcess()), uintptr(pointer(&count))); ok == 0 {
		t.Fatal(err)
	}
	return count
}

func TestATerminalOfWindows(t *testing.T) {
	if os.Getenv("BOREALIS_TEST_CONSOLE") == "" {
		t.Skip("needs a console of its own: see scripts/wine.sh")
	}
	r := openRole(t)
	args, options := self(t, "terminal")
	options["pty"] = opts{"rows": 30.0, "cols": 100.0}
	got := r.call(context.Background(), "start", args, options)
	if got.err != nil {
		t.Fatal(got.err)
	}
	ref := got.value.(bindings.Ref)
	do := func(f string, args ...any) (any, error) {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		return r.set.Call(ctx, bindings.Call{Module: "process", Ref: ref.ID, Func: f, Args: args})
	}
	if _, err := do("write", "tern\r\n"); err != nil {
		t.Error(err)
	}
	for seen := ""; !strings.Contains(seen, "got tern"); {
		piece, err := do("read")
		text, ok := piece.(string)
		if !ok || err != nil {
			end, _ := do("wait")
			t.Fatalf("in vain: %q, %v, %v; it ended with %v", seen, piece, err, end)
		}
		seen += text
	}
	end, err := do("wait")
	if err != nil || end.(map[string]any)["exit_code"] != 6.0 {
		t.Errorf("got %v, %v", end, err)
	}
	if _, err := do("close"); err != nil {
		t.Error(err)
	}
}

func start(name string, dir string) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Dir = append(os.Environ(), partVariable+"="+name), dir
	return cmd.Start()
}

func TestNobodyElseCanBeHad(t *testing.T) {
	openRole(t).call(context.Background(), "run", argv("whoami"), opts{"user": "Administrator"}).refused(t, "unsupported", "interactive")
}
