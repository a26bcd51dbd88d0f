package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/session"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
	"github.com/bunny-lab-io/borealis-agent/bindings/process"
	"go.uber.org/goleak"
)

// hostArg makes of the test's program a session host, as the agent's subcommand does.
const hostArg = "the-session-host"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == hostArg {
		if err := Serve(context.Background(), os.Stdin, os.Stdout, offered()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// offered are the bindings of these tests: the real process, one that tries what a host must not, and one of the core.
func offered() []bindings.Binding {
	return []bindings.Binding{process.Binding, probe(), {Name: "core", Core: true, Open: func(h bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{Funcs: map[string]bindings.Func{
			"pid":  {Do: func(context.Context) (int, error) { return os.Getpid(), nil }},
			"emit": {Do: func(context.Context) error { return h.Emit("said", "by the core") }},
		}}, nil
	}}}
}

func probe() bindings.Binding {
	return bindings.Binding{Name: "probe", Grant: "probe", Open: func(h bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{Funcs: map[string]bindings.Func{
			"pid":     {Do: func(context.Context) (int, error) { return os.Getpid(), nil }},
			"emit":    {Do: func(context.Context) error { return h.Emit("said", "by a session") }},
			"request": {Do: func(ctx context.Context) error { return h.Request(ctx, "/api/agent/x", nil, nil) }},
			"place":   {Do: func(context.Context) (bindings.Place, error) { return h.Place(), nil }},
			"log":     {Do: func(context.Context) error { h.Log().With("a", 1).Warn("a line", "b", 2); return nil }},
			"allow":   {Do: func(_ context.Context, thing string) error { return h.Allow("probe", thing) }},
			"misuse":  {Do: func(context.Context) error { return bindings.Misused("not so") }},
			"wait":    {Waits: true, Do: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			"open":    {Do: func(context.Context) ([]string, error) { return descriptors(), nil }},
			"call": {Waits: true, Do: func(ctx context.Context, f bindings.Callback) error {
				defer f.Release()
				return f.Call(ctx, "called", 7)
			}},
		}}, nil
	}}
}

// descriptors says where the descriptors of this process lead.
func descriptors() (all []string) {
	for fd := range 64 {
		if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
			all = append(all, to)
		}
	}
	return all
}

// ada is a user of the test's own, whom no list knows and no process belongs to yet.
func ada(t *testing.T) Config {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can start a process as another user")
	}
	home := t.TempDir()
	const uid, gid = 71234, 71235
	for dir := home; dir != filepath.Dir(dir); dir = filepath.Dir(dir) { // the test's directories are root's alone
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o005 != 0o005 && strings.HasPrefix(dir, os.TempDir()+"/") {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chown(home, uid, gid); err != nil {
		t.Fatal(err)
	}
	return Config{
		Program: []string{os.Args[0], hostArg}, Log: slog.New(slog.DiscardHandler),
		Session: session.Session{ID: "t1", UID: uid, User: "ada", Type: "tty", Since: time.Now()},
		Login: session.Login{UID: uid, GID: gid, Groups: []uint32{gid, 71236}, Home: home, Env: []string{
			"HOME=" + home, "USER=ada", "LOGNAME=ada", "PATH=/usr/local/bin:/usr/bin:/bin",
		}},
	}
}

func start(t *testing.T, cfg Config) *Host {
	t.Helper()
	h, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func opened(t *testing.T, h *Host, agent bindings.Host, grants ...string) *Set {
	t.Helper()
	set, err := h.Open(agent, offered(), grants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

func call(t *testing.T, set *Set, module, name string, args ...any) any {
	t.Helper()
	out, err := set.Call(t.Context(), bindings.Call{Module: module, Func: name, Args: args})
	if err != nil {
		t.Fatalf("%s.%s: %v", module, name, err)
	}
	return out
}

// sh runs a script in the session, and gives what it wrote.
func sh(t *testing.T, set *Set, script string) string {
	t.Helper()
	out, _ := call(t, set, "process", "run_script", "sh", script).(map[string]any)
	if out["exit_code"] != 0.0 {
		t.Fatalf("%s: %v", script, out)
	}
	return strings.TrimSpace(out["stdout"].(string))
}

func code(err error) string {
	var failed *bindings.Error
	if errors.As(err, &failed) {
		return failed.Code
	}
	return fmt.Sprint(err)
}

func TestAJobIsTheUsersInEveryRespect(t *testing.T) {
	t.Setenv("BOREALIS_SECRET", "of the core")
	cfg := ada(t)
	set := opened(t, start(t, cfg), hosttest.New("", "process"), "process")
	if got := sh(t, set, "id -u; id -ru; id -g; id -rg; id -G"); got != "71234\n71234\n71235\n71235\n71235 71236" {
		t.Errorf("id: %q", got)
	}
	sh(t, set, "echo tern >$HOME/made; mkdir $HOME/dir")
	for _, name := range []string{"made", "dir"} {
		info, err := os.Stat(filepath.Join(cfg.Login.Home, name))
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != 71234 || s.Gid != 71235 {
			t.Errorf("%s belongs to %d:%d", name, s.Uid, s.Gid)
		}
	}
	env := strings.Split(sh(t, set, "env"), "\n")
	for _, want := range []string{"HOME=" + cfg.Login.Home, "USER=ada", "LOGNAME=ada", "XDG_SESSION_ID=t1"} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
	if slices.ContainsFunc(env, func(v string) bool { return strings.Contains(v, "SECRET") }) {
		t.Errorf("the core's environment came along: %q", env)
	}
	if got := sh(t, set, "pwd"); got != cfg.Login.Home {
		t.Errorf("in %q", got)
	}
	if caps := sh(t, set, "sed -n 's/^Cap\\(Inh\\|Prm\\|Eff\\|Amb\\):[[:space:]]*0*//p' /proc/self/status"); strings.TrimSpace(caps) != "" {
		t.Errorf("capabilities: %q", caps)
	}
}

func TestAJobReachesNeitherTheCoreNorTheHost(t *testing.T) {
	cfg := ada(t)
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, cfg)
	set := opened(t, h, hosttest.New("", "process"), "process")
	for who, pid := range map[string]int{"core": os.Getpid(), "host": h.PID()} {
		for _, try := range []string{"cat /proc/%d/environ", "ls /proc/%d/fd/", "cat /proc/%d/fd/0 </dev/null", "echo x >/proc/%d/fd/1", "head -c1 /proc/%d/mem", "ls /proc/%d/cwd/ && readlink /proc/%d/cwd"} {
			script := strings.ReplaceAll(try, "%d", strconv.Itoa(pid))
			out := sh(t, set, "if timeout 5 sh -c '"+script+"' 2>&1; then echo REACHED; else echo kept out; fi")
			if strings.Contains(out, "REACHED") {
				t.Errorf("%s: %s: %s", who, script, out)
			}
		}
	}
	if out := sh(t, set, fmt.Sprintf("kill -9 %d || echo kept out; cat %s || echo kept out", os.Getpid(), secret)); out != "kept out\nkept out" {
		t.Errorf("the core: %q", out)
	}
	// One process of the user's may trace another, where the kernel does not forbid that of itself: not the host.
	trace := exec.Command("setpriv", "--reuid=71234", "--regid=71235", "--clear-groups", "cat", fmt.Sprintf("/proc/%d/environ", h.PID()))
	if out, err := trace.CombinedOutput(); err == nil {
		t.Errorf("another process of the user's read the host: %q", out)
	}
}

func TestAHostHasItsPipesAndNothingElse(t *testing.T) {
	leak, err := syscall.Open("/etc/hostname", syscall.O_RDONLY, 0) // without close-on-exec, as a library might
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leak)
	set := opened(t, start(t, ada(t)), hosttest.New("", "probe"), "probe")
	pipe := regexp.MustCompile(`^(pipe:|anon_inode:|/sys/fs/cgroup/)`) // Go's own are the poller and its processor limit
	for _, to := range call(t, set, "probe", "open").([]any) {
		if !pipe.MatchString(to.(string)) {
			t.Errorf("a descriptor leads to %v", to)
		}
	}
	if sid, err := syscall.Getpgid(int(call(t, set, "probe", "pid").(float64))); err != nil || sid == syscall.Getpgrp() {
		t.Errorf("process group %d, %v", sid, err)
	}
}

func TestTheEngineIsOutOfReachOfASession(t *testing.T) {
	agent := hosttest.New("", "probe")
	set := opened(t, start(t, ada(t)), agent, "probe")
	for _, name := range []string{"emit", "request"} {
		if _, err := set.Call(t.Context(), bindings.Call{Module: "probe", Func: name}); code(err) != "denied" {
			t.Errorf("%s: %v", name, err)
		}
	}
	call(t, set, "core", "emit")
	if sent := agent.Sent(); len(sent) != 1 || string(sent[0].Data) != `"by the core"` {
		t.Errorf("sent %+v", sent)
	}
	if pid := call(t, set, "core", "pid"); pid != float64(os.Getpid()) {
		t.Errorf("a binding of the core's ran in process %v", pid)
	}
}

func TestCallsTravelWhole(t *testing.T) {
	agent := hosttest.New("/data", "probe:this")
	h := start(t, ada(t))
	if !filepath.IsAbs(h.DataDir()) {
		t.Errorf("data directory %q", h.DataDir())
	}
	set := opened(t, h, agent, "probe:this")
	if place := call(t, set, "probe", "place").(map[string]any); place["data_dir"] != "/data" || place["hostname"] != "lab-pc7" {
		t.Errorf("place %v", place)
	}
	call(t, set, "probe", "allow", "this")
	if _, err := set.Call(t.Context(), bindings.Call{Module: "probe", Func: "allow", Args: []any{"that"}}); code(err) != "denied" {
		t.Errorf("a grant that is not there: %v", err)
	}
	var wrong *bindings.Misuse
	if _, err := set.Call(t.Context(), bindings.Call{Module: "probe", Func: "misuse"}); !errors.As(err, &wrong) || wrong.Message != "not so" {
		t.Errorf("misuse: %v", err)
	}
	if _, err := set.Call(t.Context(), bindings.Call{Module: "probe", Func: "nothing"}); !errors.As(err, &wrong) {
		t.Errorf("no such function: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := set.Call(ctx, bindings.Call{Module: "probe", Func: "wait"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that was given up: %v", err)
	}
	f := &function{}
	call(t, set, "probe", "call", f)
	if got := fmt.Sprint(f.args); got != "[called 7]" {
		t.Errorf("callback got %s", got)
	}
	call(t, set, "probe", "log")
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(agent.Logged(), `msg="a line a=1 b=2"`) || !f.released.Load(); {
		if time.Now().After(deadline) {
			t.Fatalf("logged %q, callback released %v", agent.Logged(), f.released.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestModulesAreDescribedAsInTheCore(t *testing.T) {
	h := start(t, ada(t))
	list := offered()
	remote := opened(t, h, hosttest.New("", "process"), "process")
	local, err := bindings.Open(hosttest.New("", "process"), list, bindings.Grants{"process"})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	got, _ := json.Marshal(remote.Describe(list, bindings.Grants{"process"}))
	want, _ := json.Marshal(local.Describe(list, bindings.Grants{"process"}))
	if string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := remote.Call(t.Context(), bindings.Call{Module: "probe", Func: "pid"}); err == nil {
		t.Error("a binding without its grant was open")
	}
}

func TestWhatAHostStartedEndsWithIt(t *testing.T) {
	for name, end := range map[string]func(*Host, *Set){
		"the role ends":   func(_ *Host, s *Set) { s.Close() },
		"the core leaves": func(h *Host, _ *Set) { h.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, ada(t))
			set := opened(t, h, hosttest.New("", "process"), "process")
			ref := call(t, set, "process", "start", []any{"sh", "-c", "setsid sleep 1234567 & echo $!; sleep 1234567"}).(bindings.Ref)
			line, err := set.Call(t.Context(), bindings.Call{Module: "process", Ref: ref.ID, Func: "read"})
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(fmt.Sprint(line)))
			if err != nil {
				t.Fatal(err)
			}
			if open := set.Open(); open["process.Child"] != 1 {
				t.Errorf("open: %v", open)
			}
			end(h, set)
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(line) > 0 { // a zombie has none
				t.Errorf("what the job had detached is still there: %q", line)
			}
		})
	}
}

func TestAHostThatDiesIsSaid(t *testing.T) {
	h := start(t, ada(t))
	set := opened(t, h, hosttest.New("", "probe"), "probe")
	broken := make(chan error, 1)
	go func() {
		_, err := set.Call(t.Context(), bindings.Call{Module: "probe", Func: "wait"})
		broken <- err
	}()
	if err := syscall.Kill(h.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-h.Done()
	if h.Err() == nil || !strings.Contains(h.Err().Error(), "killed") {
		t.Errorf("died of %v", h.Err())
	}
	if err := <-broken; code(err) != "unavailable" {
		t.Errorf("the call under way: %v", err)
	}
	if _, err := set.Call(t.Context(), bindings.Call{Module: "probe", Func: "pid"}); code(err) != "unavailable" {
		t.Errorf("a call afterwards: %v", err)
	}
	if err := set.Close(); err != nil {
		t.Error(err)
	}
	if _, err := h.Open(hosttest.New("", "probe"), offered(), bindings.Grants{"probe"}); err == nil {
		t.Error("a dead host opened something")
	}
}

func TestACallThatEndsWithTheSessionSaysSo(t *testing.T) {
	h := start(t, ada(t))
	set := opened(t, h, hosttest.New("", "probe"), "probe")
	broken := make(chan error, 1)
	go func() {
		_, err := set.Call(t.Context(), bindings.Call{Module: "probe", Func: "wait"})
		broken <- err
	}()
	call(t, set, "probe", "pid")
	h.Close()
	if err := <-broken; code(err) != "unavailable" {
		t.Error(err)
	}
}

func TestAHostRetiresWithItsLastRole(t *testing.T) {
	h := start(t, ada(t))
	first, second := opened(t, h, hosttest.New("", "probe"), "probe"), opened(t, h, hosttest.New("", "probe"), "probe")
	h.Retire()
	first.Close()
	call(t, second, "probe", "pid") // it is still there
	second.Close()
	<-h.Done()
}

// A user may stop the process that is his. It is ended then.
func TestAHostThatIsStoppedIsEnded(t *testing.T) {
	h := start(t, ada(t))
	if err := syscall.Kill(h.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if err := syscall.Kill(h.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestAHostIsNeverRootNorSomebodyElse(t *testing.T) {
	root := ada(t)
	root.Login.UID, root.Session.UID = 0, 0
	if h, err := Start(t.Context(), root); err == nil {
		h.Close()
		t.Error("a host runs as root")
	}
	other := ada(t)
	other.Session.UID++
	if h, err := Start(t.Context(), other); err == nil || !strings.Contains(err.Error(), "is not user 71235") {
		if err == nil {
			h.Close()
		}
		t.Errorf("a host of another user's: %v", err)
	}
	gone := ada(t)
	gone.Program = []string{os.Args[0], "-test.run=^$"}
	if _, err := Start(t.Context(), gone); err == nil {
		t.Error("a program that is no host was taken for one")
	}
}

// What a host says is what its user says: nothing of it may hurt the core.
func FuzzWhatAHostSays(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0xff})
	f.Add([]byte("\x00\x00\x00\x10\xa4\x01\x01\x02\x01\x03eallow\x04\xa0\x00"))
	f.Fuzz(func(t *testing.T, said []byte) {
		h := &Host{sets: map[uint64]*Set{}}
		agent := hosttest.New("", "probe")
		h.sets[1] = &Set{peer: h, id: 1, host: agent, callbacks: map[uint64]bindings.Callback{1: &function{}}}
		p, err := listen(said, h)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err == nil || errors.Is(err, io.ErrShortWrite) {
			t.Errorf("the conversation ended with %v", err)
		}
		if len(agent.Sent()) != 0 {
			t.Error("a host made the core say something to the Engine")
		}
	})
}
