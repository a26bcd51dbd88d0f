package process

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

func (r *role) startScript(args ...any) *talk {
	r.t.Helper()
	got := r.call(context.Background(), "start_script", args...)
	if got.err != nil {
		r.t.Fatal(got.err)
	}
	return &talk{r, got.value.(bindings.Ref)}
}

func TestAScriptThatIsEndedEarlyTellsWhatItSaid(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	s := r.startScript("bash", nasty+"echo x >&2; wait", opts{"cwd": dir, "max_output_bytes": 1000.0})
	pids := words(t, filepath.Join(dir, "pids"), 5)
	s.do(context.Background(), "output").refused(t, "running")
	s.expect(true, "kill")
	if end := s.do(context.Background(), "wait").table(t); end["exit_code"] != -1.0 || end["signal"] != "SIGKILL" {
		t.Errorf("got %v", end)
	}
	expectDead(t, pids)
	out := s.do(context.Background(), "output").table(t)
	if out["stdout"] != "from the start\n" || out["stderr"] != "x\n" || out["truncated"] != false {
		t.Errorf("got %v", out)
	}
	if open := r.set.Open(); open[scriptName] != 0 {
		t.Errorf("all of it is told, but it counts as open: %v", open)
	}
	s.expect(true, "close")
}

func TestShortOutputComesWithTheEnding(t *testing.T) {
	for _, c := range []struct {
		script string
		short  bool
	}{{"printf %8192d 1; printf %8192d 1 >&2", true}, {"printf %8192d 1; printf %8193d 1 >&2", false}} {
		r := openRole(t)
		s := r.startScript("bash", c.script, opts{"max_output_bytes": 100.0})
		end := s.do(context.Background(), "wait").table(t)
		told := s.do(context.Background(), "output").table(t)
		if got, ok := end["output"]; ok != c.short || (ok && !reflect.DeepEqual(got, any(told))) {
			t.Errorf("%q: got %v, want %v: %v", c.script, got, c.short, told)
		}
	}
}

func TestClosingAScriptRemovesItsFolder(t *testing.T) {
	r := openRole(t)
	s := r.startScript("sh", `echo "$0" > started; exec sleep 1000`, opts{"cwd": t.TempDir()})
	pid := s.do(context.Background(), "pid").value.(float64)
	if dead(strconv.Itoa(int(pid))) {
		t.Error("it does not run")
	}
	if err := r.set.Release(s.ref.ID); err != nil {
		t.Fatal(err)
	}
	if !dead(strconv.Itoa(int(pid))) {
		t.Error("it lives")
	}
	folder := entries(t, r.host.Where.DataDir)
	if len(folder) != 1 || entries(t, filepath.Join(r.host.Where.DataDir, folder[0])) != nil {
		t.Errorf("left behind: %v", folder)
	}
}

func TestFilesLieBesideTheScript(t *testing.T) {
	r := openRole(t)
	done := r.must("run_script", "bash", `cd "$(dirname "$0")"; stat -c '%a %n' *; sha256sum < data.bin; cat "zażółć 1.txt"`, opts{
		"files": opts{"data.bin": "\x00\xff\r\n", "zażółć 1.txt": "hi", "script.ps1": ""},
	})
	want := "600 data.bin\n600 script.ps1\n600 script.sh\n600 zażółć 1.txt\n" +
		"98c9d2a6a7a34d1f8f2cb4ad3b1ee4ab4ab98ec4eb2ea2a1d2b0b3e2a4e9b6cd  -\nhi"
	if got := done["stdout"].(string); got[:strings.Index(got, "txt\n")+4] != want[:strings.Index(want, "txt\n")+4] || !strings.HasSuffix(got, "  -\nhi") {
		t.Errorf("got %q", done)
	}
	outside := filepath.Join(r.host.Where.DataDir, "x")
	for _, name := range []string{
		"", ".", "..", "../x", "a/b", `a\b`, "/etc/x", outside, `C:\x`, "C:x", "x:stream", "nul", "CON.txt", "a\x00b", "a.", "a ",
		"script.sh", "SCRIPT.SH", strings.Repeat("x", 256), "a\nb",
	} {
		r.call(context.Background(), "run_script", "bash", "true", opts{"files": opts{name: "x"}}).refused(t, "invalid", "files")
	}
	r.call(context.Background(), "run_script", "bash", "true", opts{"files": opts{"A": "", "a": ""}}).refused(t, "invalid", "some systems")
	if _, err := os.Stat(outside); err == nil {
		t.Error("a file escaped")
	}
}

func FuzzFileNames(f *testing.F) {
	for _, name := range []string{"a", "..", "a/../../b", `..\b`, "nul", "é", "\xff", "a:b", "script.sh"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkFiles("script.sh", map[string][]byte{name: nil}) != nil {
			return
		}
		dir := t.TempDir()
		if path := filepath.Join(dir, name); filepath.Dir(path) != dir || filepath.Base(path) != name {
			t.Errorf("%q leads to %q", name, path)
		}
	})
}
