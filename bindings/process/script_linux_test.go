package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestScriptTypes(t *testing.T) {
	r := openRole(t)
	for _, c := range []struct{ name, script, want string }{
		{"bash", `a=(x "$BASH"); echo "${a[0]}" ${BASH_VERSION:+bash}`, "x bash\n"},
		{"sh", `echo "$0" | sed 's/.*\.//'`, "sh\n"},
		{"python", "import sys\nprint('zażółć', len(sys.argv))", "zażółć 1\n"},
	} {
		done := r.must("run_script", c.name, c.script)
		if done["stdout"] != c.want || done["stderr"] != "" || done["exit_code"] != 0.0 {
			t.Errorf("%s: got %v", c.name, done)
		}
	}
	ctx := context.Background()
	r.call(ctx, "run_script", "batch", "exit 0").refused(t, "unsupported", `"batch"`, "bash, powershell, python, sh")
	r.call(ctx, "run_script", "perl", "exit 0").refused(t, "unsupported", `"perl"`)
}

func TestScriptFileIsPrivateAndRemoved(t *testing.T) {
	r := openRole(t)
	const script = `stat -c '%a %F' "$0" "$(dirname "$0")" "$(dirname "$(dirname "$0")")"; echo "$0"`
	out := r.must("run_script", "sh", script)["stdout"].(string)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	path := lines[len(lines)-1]
	want := []string{"600 regular file", "700 directory", "700 directory", path}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got %q", lines)
	}
	if !strings.HasPrefix(path, r.host.Where.DataDir+"/") {
		t.Errorf("%s is not in the data directory", path)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("the script's folder is still there: %v", err)
	}
	if err := r.set.Close(); err != nil {
		t.Fatal(err)
	}
	if left := entries(t, r.host.Where.DataDir); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestScriptsThatDisturbTheirFolder(t *testing.T) {
	r := openRole(t)
	for _, script := range []string{
		`rm "$0"; echo ok`,
		`rm -r "$(dirname "$0")"; echo ok`,
		`cd "$(dirname "$0")"; mkdir -p a/b; echo > a/b/c; chmod 0 a/b a; echo ok`,
	} {
		if done := r.must("run_script", "sh", script); done["stdout"] != "ok\n" {
			t.Errorf("%s: got %v", script, done)
		}
	}
	for _, dir := range entries(t, r.host.Where.DataDir) {
		if left := entries(t, filepath.Join(r.host.Where.DataDir, dir)); left != nil {
			t.Errorf("left behind: %q", left)
		}
	}
}

func TestShellScriptsFromWindows(t *testing.T) {
	r := openRole(t)
	done := r.must("run_script", "bash", "\xef\xbb\xbfif true\r\nthen\r\n  printf '%s' 'a\r\nb'\r\nfi\r\n")
	if done["stdout"] != "a\nb" || done["stderr"] != "" {
		t.Errorf("got %v", done)
	}
}

func TestTextsOfScripts(t *testing.T) {
	for _, c := range []struct {
		text     func([]byte) []byte
		in, want string
	}{
		{shellText, "a\r\nb\rc\n", "a\nb\rc\n"},
		{markedText, "a\nż\r\n", "\xef\xbb\xbfa\nż\r\n"},
		{markedText, "\xef\xbb\xbfa", "\xef\xbb\xbfa"},
		{markedText, "\xff\xfea\x00", "\xff\xfea\x00"},
		{markedText, "\xb3", "\xb3"},
		{batchText, "\xef\xbb\xbfecho a\r\necho b\n", "echo a\r\necho b\r\n"},
		{batchText, "echo ż\n", "@chcp 65001 >nul\r\necho ż\r\n"},
		{batchText, "echo \xb3\n", "echo \xb3\r\n"},
		{verbatim, "\xef\xbb\xbfa\r\n", "\xef\xbb\xbfa\r\n"},
	} {
		if got := string(c.text([]byte(c.in))); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

// The stub stands in for PowerShell: it shows its arguments, its environment and the bytes of the script it was given.
const pwshStub = `
for last; do :; done
[ "${last%script.ps1}" = "$last" ] || set -- "$1" "$2" "$3" "$4" "$5" "$6" .../script.ps1
echo "$*"
echo "$NAME"
cat "$last"
cat >&2
exit 9
`

func TestPowerShellIsPwshInPath(t *testing.T) {
	dir := t.TempDir()
	program(t, filepath.Join(dir, "pwsh"), pwshStub)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	r := openRole(t)
	done := r.must("run_script", "powershell", "Write-Output 'tern-7'\r\n", opts{
		"env": map[string]any{"NAME": "zażółć"}, "stdin": "fed",
	})
	want := "-NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File .../script.ps1\nzażółć\nWrite-Output 'tern-7'\r\n"
	if done["stdout"] != want || done["stderr"] != "fed" || done["exit_code"] != 9.0 {
		t.Errorf("got %v", done)
	}
}

func TestAMissingInterpreter(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	r := openRole(t)
	r.call(context.Background(), "run_script", "powershell", "exit 0").refused(t, "not_found", "pwsh")
	r.call(context.Background(), "run_script", "bash", "exit 0").refused(t, "not_found", "sh")
}

func TestWhichBash(t *testing.T) {
	bin, other := filepath.Join(t.TempDir(), "bin"), filepath.Join(t.TempDir(), "other")
	for _, name := range []string{"bash", "sh"} {
		program(t, filepath.Join(bin, name), "echo path/"+name)
	}
	program(t, filepath.Join(other, "one"), "echo one")
	program(t, filepath.Join(other, "two"), "echo two")
	run := func(vars ...string) result {
		t.Setenv("PATH", bin+":/usr/bin:/bin")
		t.Setenv("BOREALIS_BASH_BIN", "")
		t.Setenv("BOREALIS_REMOTE_BASH_BIN", "")
		for i := 0; i < len(vars); i += 2 {
			t.Setenv(vars[i], vars[i+1])
		}
		r := openRole(t)
		return r.call(context.Background(), "run_script", "bash", "exit 0")
	}
	one, two, none := filepath.Join(other, "one"), filepath.Join(other, "two"), filepath.Join(other, "none")
	for want, vars := range map[string][]string{
		"path/bash": nil,
		"one":       {"BOREALIS_BASH_BIN", one, "BOREALIS_REMOTE_BASH_BIN", two},
		"two":       {"BOREALIS_BASH_BIN", none, "BOREALIS_REMOTE_BASH_BIN", two},
	} {
		if got := run(vars...).table(t)["stdout"]; got != want+"\n" {
			t.Errorf("%q: got %q", vars, got)
		}
	}
	run("BOREALIS_BASH_BIN", "one").refused(t, "untrusted", "BOREALIS_BASH_BIN", "absolute")
	if err := os.Chmod(other, 0o777); err != nil {
		t.Fatal(err)
	}
	run("BOREALIS_BASH_BIN", one).refused(t, "untrusted", "BOREALIS_BASH_BIN", other)
	if err := os.Remove(filepath.Join(bin, "bash")); err != nil {
		t.Fatal(err)
	}
	if got := run("PATH", bin).table(t)["stdout"]; got != "path/sh\n" {
		t.Errorf("without bash: got %q", got)
	}
}

const noexecVariable = "BOREALIS_PROCESS_TEST_NOEXEC"

func TestScriptsRunFromANoexecFileSystem(t *testing.T) {
	if dir := os.Getenv(noexecVariable); dir != "" {
		insideNoexec(t, dir)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may mount")
	}
	const mount = `mount -t tmpfs -o noexec,size=8m none "$1" && exec "$2" -test.v -test.run='^TestScriptsRunFromANoexecFileSystem$'`
	dir := t.TempDir()
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c", mount, "sh", dir, os.Args[0])
	cmd.Env = append(os.Environ(), noexecVariable+"="+dir, "TMPDIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func insideNoexec(t *testing.T, dir string) {
	direct := filepath.Join(dir, "direct")
	program(t, direct, "exit 0")
	r := openRole(t) // its data directory lies below TMPDIR
	r.call(context.Background(), "run", argv(direct)).refused(t, "permission")
	for _, name := range []string{"bash", "sh", "python"} {
		script := map[string]string{"python": "print('ran')"}[name]
		if script == "" {
			script = "echo ran"
		}
		if done := r.must("run_script", name, script); done["stdout"] != "ran\n" {
			t.Errorf("%s: got %v", name, done)
		}
	}
}
