package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// corpus are scripts as bad ones are; what each leaves behind is looked at after it, and must be nothing.
func corpus() []struct {
	name, script, stdout, stderr string
	code                         float64
} {
	const gigabyte = 1_000_000_000
	return []struct {
		name, script, stdout, stderr string
		code                         float64
	}{
		{"no output", `exit 0`, "", "", 0},
		{"closed streams", `exec <&- >&- 2>&-; echo lost; exit 4`, "", "", 4},
		{"closed stdout, a daemon holds stderr", `exec >&-; (setsid sleep 1000 &); echo err >&2; exit 5`, "", "err\n", 5},
		{"reads stdin", `cat; read -r line || echo "the end"`, "the end\n", "", 0},
		{"double fork", `(setsid bash -c '(setsid sleep 1000 &)' > /dev/null 2>&1 &); echo done`, "done\n", "", 0},
		{"daemon without a marker", `env -i setsid sleep 1000 > /dev/null 2>&1 & echo done`, "done\n", "", 0},
		{"nohup", `cd "$(dirname "$0")"; nohup sleep 1000 > nohup.out 2>&1 & echo done`, "done\n", "", 0},
		{"ignores signals", `(trap '' TERM HUP INT QUIT; while :; do sleep 1000; done) & disown; echo done`, "done\n", "", 0},
		{"stopped", `sleep 1000 & kill -STOP $!; echo done; exit 6`, "done\n", "", 6},
		{"deletes itself", `rm "$0"; echo done`, "done\n", "", 0},
		{"deletes its folder", `rm -rf "$(dirname "$0")"; echo done`, "done\n", "", 0},
		{"replaces itself", `cp /bin/true "$0.new"; mv "$0.new" "$0"; echo done`, "done\n", "", 0},
		{"links out of its folder", `ln -s / "$(dirname "$0")/root"; mkfifo "$(dirname "$0")/pipe"; echo done`, "done\n", "", 0},
		{"gigabyte of output", fmt.Sprintf(`head -c %d /dev/zero`, gigabyte), strings.Repeat("\x00", 50) + fmt.Sprintf("\n[... %d bytes left out ...]\n", gigabyte-100) + strings.Repeat("\x00", 50), "", 0},
		{"binary", `printf '\000\377\376\200a'`, "\x00\uFFFD\uFFFD\uFFFDa", "", 0},
		{"many lines", `for ((i = 0; i < 20000; i++)); do echo "line $i"; done | sha256sum; exit 7`, "", "", 7},
		{"grandchild holds the pipe", `(sleep 1000; echo never) & echo done`, "done\n", "", 0},
	}
}

func TestNothingIsLeftOfAnyScript(t *testing.T) {
	r := openRole(t)
	r.must("run_script", "bash", "exit 0")
	before := len(entries(t, "/proc/self/fd"))
	for _, c := range corpus() {
		t.Run(c.name, func(t *testing.T) {
			done := r.must("run_script", "bash", c.script, opts{"max_output_bytes": 100.0, "env": opts{"HOME": t.TempDir()}})
			if c.name == "many lines" {
				c.stdout = done["stdout"].(string)
			}
			if done["stdout"] != c.stdout || done["stderr"] != c.stderr || done["exit_code"] != c.code {
				t.Errorf("got %v", done)
			}
			nothingLeft(t, r, before)
		})
	}
}

// nothingLeft looks for processes, files, cgroups and descriptors of runs that are over.
func nothingLeft(t *testing.T, r *role, descriptors int) {
	t.Helper()
	for _, pid := range allPids() {
		if run, _ := runOf(pid); strings.HasPrefix(run, owner()+".") && !dead(strconv.Itoa(pid)) {
			t.Errorf("process %d lives", pid)
		}
	}
	folders := entries(t, r.host.Where.DataDir)
	if len(folders) != 1 || len(entries(t, filepath.Join(r.host.Where.DataDir, folders[0]))) != 0 {
		t.Errorf("files: %q", folders)
	}
	until(t, "descriptors are closed", func() bool { return len(entries(t, "/proc/self/fd")) <= descriptors })
	if own := ownGroup("/proc/self"); own != "" {
		if left, _ := filepath.Glob(filepath.Join(own, groupPrefix+owner()+"*")); left != nil {
			t.Errorf("cgroups: %q", left)
		}
	}
}

func TestEveryExitCodeIsTold(t *testing.T) {
	r := openRole(t)
	for code := range 256 {
		if done := r.must("run", argv("sh", "-c", fmt.Sprintf("exit %d", code))); done["exit_code"] != float64(code) || done["signal"] != nil {
			t.Errorf("exit %d: got %v", code, done)
		}
	}
	for _, signal := range strings.Fields("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT XCPU XFSZ VTALRM PROF IO PWR SYS") {
		done := r.must("run", argv("env", "--default-signal", "sh", "-c", fmt.Sprintf("ulimit -c 0; kill -%d $$", unix.SignalNum("SIG"+signal))))
		if done["exit_code"] != -1.0 || done["signal"] != "SIG"+signal {
			t.Errorf("SIG%s: got %v", signal, done)
		}
	}
}

func TestTenThousandLinesASecondAreAllThere(t *testing.T) {
	r := openRole(t)
	const lines = 50000
	c := r.start(argv("bash", "-c", fmt.Sprintf(`for ((i = 0; i < %d; i++)); do echo "line $i"; done`, lines)), opts{"buffer_bytes": 1000.0})
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	for i := range lines {
		if got := c.do(ctx, "read", opts{"line": true}); got.value != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d: got %v, %v", i, got.value, got.err)
		}
	}
	c.ends(0)
}

func TestSecretsStandOnNoCommandLine(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	s := r.startScript("bash", `echo "$$" > pid; tr '\0' ' ' < /proc/$$/cmdline > line; sleep 1000; : s3cret`, opts{
		"cwd": dir, "env": opts{"PASSWORD": "s3cret"}, "stdin": "s3cret", "files": opts{"key": "s3cret"},
	})
	pid := words(t, filepath.Join(dir, "pid"), 1)[0]
	for _, p := range append(allPids(), os.Getpid()) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p))
		if strings.Contains(string(line), "s3cret") {
			t.Errorf("process %d, of %s: %q", p, pid, line)
		}
	}
	s.expect(true, "close")
	if strings.Contains(r.host.Logged(), "s3cret") {
		t.Error("logged")
	}
}
