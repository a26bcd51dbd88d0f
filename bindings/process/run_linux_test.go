package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	r := openRole(t)
	args := []string{
		"", " ", "a b", `"quoted"`, `it's`, "$HOME `id` $(id)", "*", "zażółć 漢字 🦊", "-n", "tab\tand\nline", `back\slash`, "\xff",
	}
	done := r.must("run", argv(append([]string{"printf", `%s\0`}, args...)...), opts{"raw": true})
	if got := done["stdout"]; got != strings.Join(args, "\x00")+"\x00" {
		t.Errorf("got %q", got)
	}
}

func TestResultOfAProgram(t *testing.T) {
	r := openRole(t)
	done := r.must("run", argv("sh", "-c", "echo out; echo err >&2; exit 7"))
	want := map[string]any{
		"exit_code": 7.0, "timed_out": false, "duration": 0.0, "truncated": false,
		"stdout": "out\n", "stderr": "err\n", "stdout_bytes": 4.0, "stderr_bytes": 4.0,
	}
	if !reflect.DeepEqual(done, want) {
		t.Errorf("got  %v\nwant %v", done, want)
	}
}

func TestExitCodesAndSignals(t *testing.T) {
	r := openRole(t)
	for _, code := range []int{0, 1, 2, 126, 127, 128, 255} {
		if done := r.must("run", argv("sh", "-c", fmt.Sprintf("exit %d", code))); done["exit_code"] != float64(code) {
			t.Errorf("exit %d: got %v", code, done)
		}
	}
	for _, signal := range []string{"KILL", "TERM", "SEGV"} {
		done := r.must("run", argv("sh", "-c", "kill -"+signal+" $$"))
		if done["exit_code"] != -1.0 || done["signal"] != "SIG"+signal {
			t.Errorf("SIG%s: got %v", signal, done)
		}
	}
}

func TestEnvironmentIsTheUsualOneAndTheRolesOwn(t *testing.T) {
	t.Setenv("BOREALIS_ENROLLMENT_CODE", "s3cret")
	t.Setenv("BOREALIS_INSTALLER_CODE", "s3cret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
	t.Setenv("TZ", "Europe/Warsaw")
	t.Setenv("LANG", "")
	os.Unsetenv("LANG")
	r := openRole(t)
	done := r.must("run", argv("env", "-0"), opts{"env": map[string]any{
		"TZ": "UTC", "greeting": "tern", "GREETING": "gull", "odd-name.x": "zażółć\n$HOME", "EMPTY": "",
		"BOREALIS_RUN_ID": "mine",
	}})
	got := map[string]string{}
	for _, v := range strings.Split(strings.TrimSuffix(done["stdout"].(string), "\x00"), "\x00") {
		name, value, _ := strings.Cut(v, "=")
		if _, twice := got[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		got[name] = value
	}
	for name, value := range map[string]string{
		"TZ": "UTC", "greeting": "tern", "GREETING": "gull", "odd-name.x": "zażółć\n$HOME", "EMPTY": "",
		"LANG": "C.UTF-8", "PATH": os.Getenv("PATH"),
	} {
		if have, ok := got[name]; !ok || have != value {
			t.Errorf("%s = %q, %v; want %q", name, have, ok, value)
		}
	}
	if got["HOME"] == "" || got["USER"] == "" || !strings.HasPrefix(got["BOREALIS_RUN_ID"], owner()+".") {
		t.Errorf("HOME %q, USER %q, BOREALIS_RUN_ID %q", got["HOME"], got["USER"], got["BOREALIS_RUN_ID"])
	}
	if strings.Contains(done["stdout"].(string), "s3cret") {
		t.Errorf("a secret leaked: %q", done["stdout"])
	}
}

func TestWorkingDirectory(t *testing.T) {
	r := openRole(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if done := r.must("run", argv("pwd"), opts{"cwd": dir}); done["stdout"] != dir+"\n" {
		t.Errorf("got %v", done)
	}
	ctx := context.Background()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.call(ctx, "run", argv("pwd"), opts{"cwd": filepath.Join(dir, "none")}).refused(t, "no_cwd", "none")
	r.call(ctx, "run", argv("pwd"), opts{"cwd": file}).refused(t, "no_cwd", "not a directory")
	r.call(ctx, "run", argv("pwd"), opts{"cwd": "here"}).misused(t, "not an absolute path")
}

func TestStandardInput(t *testing.T) {
	r := openRole(t)
	big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB, far more than a pipe holds
	if done := r.must("run", argv("cat"), opts{"stdin": big}); done["stdout"] != big {
		t.Errorf("%d bytes came back", len(done["stdout"].(string)))
	}
	if done := r.must("run", argv("cat")); done["stdout"] != "" || done["exit_code"] != 0.0 {
		t.Errorf("without input: %v", done)
	}
	if done := r.must("run", argv("true"), opts{"stdin": big}); done["exit_code"] != 0.0 {
		t.Errorf("input that nobody reads: %v", done)
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	r := openRole(t)
	ctx := context.Background()
	dir := t.TempDir()
	plain, broken := filepath.Join(dir, "plain"), filepath.Join(dir, "broken")
	for path, mode := range map[string]os.FileMode{plain: 0o600, broken: 0o700} {
		if err := os.WriteFile(path, []byte("\x00nothing"), mode); err != nil {
			t.Fatal(err)
		}
	}
	r.call(ctx, "run", argv("no-such-program")).refused(t, "not_found", "no-such-program", "PATH")
	r.call(ctx, "run", argv("/no/such/program")).refused(t, "not_found", "/no/such/program")
	r.call(ctx, "run", argv(plain)).refused(t, "permission", plain)
	r.call(ctx, "run", argv(dir)).refused(t, "permission", dir)
	r.call(ctx, "run", argv(broken)).refused(t, "failed", "exec format error")
	r.call(ctx, "run", argv("echo", "a\x00b")).refused(t, "invalid", "zero byte")
	r.call(ctx, "run", argv("echo", strings.Repeat("x", 4<<20))).refused(t, "invalid", "too long")
	r.call(ctx, "run", argv("env"), opts{"env": map[string]any{"A=B": "c"}}).refused(t, "invalid", "A=B")
	r.call(ctx, "run", argv("env"), opts{"env": map[string]any{"A": "secret\x00"}}).refused(t, "invalid", `"A"`)
	r.call(ctx, "run", argv()).misused(t, "empty list")
	r.call(ctx, "run", argv("")).misused(t, "empty")
	r.call(ctx, "run", argv("./run")).misused(t, "neither a name nor an absolute path")
	r.call(ctx, "run", argv("true"), opts{"max_output_bytes": -1.0}).misused(t, "max_output_bytes")
	r.call(ctx, "run", argv("true"), opts{"tiemout": 1.0}).misused(t, `did you mean "timeout"?`)
}

func TestOutputIsCappedWithHeadAndTail(t *testing.T) {
	r := openRole(t)
	const size = 100_000_000
	script := fmt.Sprintf("echo first; yes 0123456789abcde | head -c %d; echo last; echo err >&2", size)
	done := r.must("run_script", "sh", script, opts{"max_output_bytes": 1000.0})
	out := done["stdout"].(string)
	if done["truncated"] != true || done["stdout_bytes"] != size+11.0 || done["stderr"] != "err\n" {
		t.Errorf("truncated %v, stdout_bytes %v, stderr %q", done["truncated"], done["stdout_bytes"], done["stderr"])
	}
	head, tail, ok := strings.Cut(out, "\n[... 99999011 bytes left out ...]\n")
	if !ok || len(head) != 500 || len(tail) != 500 {
		t.Fatalf("got %q", out)
	}
	if !strings.HasPrefix(head, "first\n0123456789abcde\n") || !strings.HasSuffix(tail, "\n0123456789abcde\nlast\n") {
		t.Errorf("head %q, tail %q", head, tail)
	}
}

func TestOutputIsText(t *testing.T) {
	r := openRole(t)
	for _, c := range []struct{ octal, want string }{
		{`\303\263`, "ó"},
		{`a\377\376b\300`, "a\uFFFD\uFFFDb\uFFFD"},
		{`\377\376z\000\174\001\r\000\n\000`, "zż\r\n"},
		{`\357\273\277a\r\n`, "a\r\n"},
		{`a\000b`, "a\x00b"},
	} {
		if done := r.must("run", argv("printf", c.octal)); done["stdout"] != c.want {
			t.Errorf("%s: got %q, want %q", c.octal, done["stdout"], c.want)
		}
	}
	if done := r.must("run", argv("printf", `\377\376a\377`), opts{"raw": true}); done["stdout"] != "\xff\xfea\xff" {
		t.Errorf("raw: got %q", done["stdout"])
	}
}

func TestManyAtOnce(t *testing.T) {
	r := openRole(t)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			want := fmt.Sprintf("%d\n", i)
			got := r.call(context.Background(), "run_script", "sh", `cat; echo "$I" >&2`,
				opts{"stdin": want, "env": map[string]any{"I": fmt.Sprint(i)}})
			if got.err != nil {
				t.Error(got.err)
				return
			}
			if done := got.value.(map[string]any); done["stdout"] != want || done["stderr"] != want {
				t.Errorf("%d: got %v", i, done)
			}
		})
	}
	all.Wait()
}

func TestGrants(t *testing.T) {
	r := openRole(t, "process:true", "process:sh")
	ctx := context.Background()
	dir := t.TempDir()
	fake := filepath.Join(dir, "true")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	real, err := newModule(r.host).search("true")
	if err != nil {
		t.Fatal(err)
	}
	r.must("run", argv("true"))
	r.must("run", argv(real))
	r.must("run_script", "sh", "exit 0")
	r.call(ctx, "run", argv("env")).refused(t, "denied", `"process:env"`)
	r.call(ctx, "run", argv(fake)).refused(t, "denied", fake)
	r.call(ctx, "run_script", "bash", "exit 0").refused(t, "denied", `"process:bash"`)
	r.call(ctx, "start", argv("env")).refused(t, "denied", `"process:env"`)
}

func TestNothingOfARunIsLogged(t *testing.T) {
	r := openRole(t)
	r.must("run_script", "sh", "echo s3cret; exit 3", opts{"env": map[string]any{"TOKEN": "s3cret"}, "stdin": "s3cret"})
	r.must("run", argv("echo", "s3cret"))
	if logged := r.host.Logged(); strings.Contains(logged, "s3cret") {
		t.Errorf("logged: %s", logged)
	}
}

func TestDurationIsOfTheHostsClock(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	result := r.begin(context.Background(), "run", argv("sh", "-c", `echo > started; while [ ! -e go ]; do sleep 0.01; done`),
		opts{"cwd": dir, "timeout": 3600.0})
	until(t, "it runs", func() bool { return len(entries(t, dir)) == 1 })
	r.host.Advance(90 * time.Second)
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if done := (<-result).table(t); done["duration"] != 90.0 || done["exit_code"] != 0.0 {
		t.Errorf("got %v", done)
	}
}
