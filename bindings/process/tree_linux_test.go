package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// nasty starts a child, two grandchildren that made themselves daemons, by one fork and by two, and one that dropped the
// marker from its environment. All of them ignore what a signal can ask; each writes its number and holds the output open.
const nasty = `
echo from the start
trap '' TERM HUP INT
sleep 1000 & echo $! >> pids
(setsid sh -c 'echo $$ >> pids; exec sleep 1000' &)
(setsid sh -c '(setsid sh -c "echo \$\$ >> pids; cd /; exec sleep 1000" &)' &)
(env -u BOREALIS_RUN_ID sh -c 'echo $$ >> pids; exec sleep 1000' &)
echo $$ >> pids
`

// dead reports whether a process has ended; a zombie, which only its parent keeps, has.
func dead(pid string) bool {
	n, err := strconv.Atoi(pid)
	p, ok := readProcess(n)
	return err == nil && (!ok || p.dead())
}

func expectDead(t *testing.T, pids []string) {
	t.Helper()
	for _, pid := range pids {
		if !dead(pid) {
			cmdline, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			t.Errorf("process %s lives: %q", pid, cmdline)
		}
	}
}

func TestTimeoutKillsTheWholeTree(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	result := r.begin(context.Background(), "run_script", "bash", nasty+"wait", opts{"cwd": dir, "timeout": 30.0})
	pids := words(t, filepath.Join(dir, "pids"), 5)
	r.host.Advance(29 * time.Second)
	for _, pid := range pids {
		if dead(pid) {
			t.Errorf("process %s died too early", pid)
		}
	}
	r.host.Advance(time.Second)
	done := (<-result).table(t)
	expectDead(t, pids)
	if done["timed_out"] != true || done["exit_code"] != -1.0 || done["duration"] != 30.0 || done["stdout"] != "from the start\n" {
		t.Errorf("got %v", done)
	}
}

func TestWhatAProgramLeavesBehindIsKilled(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	// The grace for output that is still on its way ends by itself: nobody advances the clock here.
	done := r.must("run_script", "bash", nasty+"while [ $(wc -l < pids) -lt 5 ]; do sleep 0.01; done; exit 4", opts{"cwd": dir})
	expectDead(t, words(t, filepath.Join(dir, "pids"), 5))
	if done["exit_code"] != 4.0 || done["timed_out"] != false || done["stdout"] != "from the start\n" {
		t.Errorf("got %v", done)
	}
}

func TestADaemonWithoutOutputIsKilledToo(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	for i := range 20 { // what just starts is the hardest to see
		file := fmt.Sprintf("pid%d", i)
		r.must("run", argv("sh", "-c", `(setsid sh -c 'echo $$ > "$0"; exec sleep 1000' `+file+` > /dev/null 2>&1 &)`), opts{"cwd": dir})
		raw, _ := os.ReadFile(filepath.Join(dir, file))
		expectDead(t, strings.Fields(string(raw)))
	}
	for _, pid := range allPids() {
		if run, _ := runOf(pid); strings.HasPrefix(run, owner()+".") {
			p, _ := readProcess(pid)
			t.Errorf("process %d of run %s lives: %+v", pid, run, p)
		}
	}
}

func TestOutputThatComesLastIsNotLost(t *testing.T) {
	r := openRole(t)
	done := r.must("run_script", "bash", `exec > >(sleep 0.1; cat); echo late; exit 5`)
	if done["stdout"] != "late\n" || done["exit_code"] != 5.0 {
		t.Errorf("got %v", done)
	}
}

func TestCancellationKillsTheWholeTree(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	result := r.begin(ctx, "run_script", "bash", nasty+"wait", opts{"cwd": dir})
	pids := words(t, filepath.Join(dir, "pids"), 5)
	cancel()
	(<-result).refused(t, "cancelled")
	expectDead(t, pids)
}

func TestTheEndOfTheRoleKillsTheWholeTree(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	result := r.begin(context.Background(), "run_script", "bash", nasty+"wait", opts{"cwd": dir})
	pids := words(t, filepath.Join(dir, "pids"), 5)
	if err := r.set.Close(); err != nil {
		t.Fatal(err)
	}
	if done := (<-result).table(t); done["exit_code"] != -1.0 || done["signal"] != "SIGKILL" {
		t.Errorf("got %v", done)
	}
	expectDead(t, pids)
	if left := entries(t, r.host.Where.DataDir); left != nil {
		t.Errorf("left behind: %q", left)
	}
	r.call(context.Background(), "run", argv("true")).refused(t, "cancelled")
}

func TestAForkBombEnds(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	// Each generation leaves the session of the one before it; the number of generations is bounded by the file.
	const bomb = `
boom() { [ $(wc -l < count) -lt 120 ] && echo >> count && (setsid bash -c "$(declare -f boom); boom" & boom) ; sleep 1000; }
echo > count; boom & boom`
	result := r.begin(context.Background(), "run_script", "bash", bomb, opts{"cwd": dir, "timeout": 5.0})
	until(t, "it grows", func() bool {
		raw, _ := os.ReadFile(filepath.Join(dir, "count"))
		return len(raw) > 30
	})
	r.host.Advance(5 * time.Second)
	if done := (<-result).table(t); done["timed_out"] != true {
		t.Errorf("got %v", done)
	}
	for _, pid := range allPids() {
		if run, _ := runOf(pid); strings.HasPrefix(run, owner()+".") && !dead(strconv.Itoa(pid)) {
			t.Errorf("process %d lives", pid)
		}
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	r := openRole(t)
	r.must("run_script", "sh", "exit 0")
	before := entries(t, "/proc/self/fd")
	for range 5 {
		r.must("run_script", "sh", "sleep 1000 >/dev/null 2>&1 & exit 0", opts{"stdin": "x"})
		r.call(context.Background(), "run", argv("/no/such"))
	}
	if after := entries(t, "/proc/self/fd"); len(after) != len(before) {
		t.Errorf("%d descriptors were open, now %d", len(before), len(after))
	}
}

func TestParseStat(t *testing.T) {
	const line = "42 (a) (b c) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2"
	want := process{identity: identity{42, 98765}, parent: 7, group: 8, session: 9, state: 'S', flags: 4194560}
	if got, ok := parseStat(42, []byte(line)); !ok || got != want {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, bad := range []string{"", "42 (a) S 7", strings.ReplaceAll(line, "98765", "x")} {
		if got, ok := parseStat(42, []byte(bad)); ok {
			t.Errorf("%q: got %+v", bad, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("bash")
	f.Add("a) S 1 (b")
	f.Add("\n) Z ")
	f.Fuzz(func(t *testing.T, name string) {
		line := "42 (" + name + ") S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2"
		if p, ok := parseStat(42, []byte(line)); !ok || p.parent != 7 || p.start != 98765 {
			t.Errorf("%q: got %+v, %v", name, p, ok)
		}
		parseStat(42, []byte(name)) // whatever it is, it does not panic
	})
}

func TestARecycledNumberIsNotSignalled(t *testing.T) {
	bystander := exec.Command("sleep", "1000")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bystander.Process.Kill(); _ = bystander.Wait() }()
	p, ok := readProcess(bystander.Process.Pid)
	if !ok {
		t.Fatal("the bystander cannot be seen")
	}
	earlier := p
	earlier.start--
	if n := endAll([]process{earlier}); n != 0 || dead(strconv.Itoa(p.pid)) {
		t.Errorf("%d signalled", n)
	}
	if n := endAll([]process{p}); n != 1 {
		t.Errorf("%d signalled", n)
	}
	until(t, "it is dead", func() bool { return dead(strconv.Itoa(p.pid)) })
}

func TestYoungNumbers(t *testing.T) {
	sleeper := exec.Command("sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	for _, pid := range []int{1, sleeper.Process.Pid} {
		tree := &tree{pid: pid}
		found := tree.young()
		all := pid == 1 || lastPid() < pid // the oldest process, or the numbers began anew
		if all && len(found) < 2 {
			t.Errorf("pid %d: got %v", pid, found)
		}
		if !all && len(found) > fewPids {
			t.Errorf("pid %d: %d numbers", pid, len(found))
		}
	}
}

func TestACrashOfTheAgentLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	agent := exec.Command(os.Args[0], "-test.run=^$")
	agent.Env = append(os.Environ(), agentVariable+"="+dir, scriptVariable+"="+nasty+"wait")
	agent.Stderr = os.Stderr
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	pids := words(t, filepath.Join(dir, "pids"), 5)
	script := childOf(agent.Process.Pid)
	data := filepath.Join(dir, "data")
	alive := openOn(t, hosttest.New(data, "process"))
	if left := entries(t, data); len(left) != 1 {
		t.Fatalf("the living agent's folder is not left alone: %q", left)
	}
	expectAlive(t, pids)
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait()
	until(t, "the script dies with its agent", func() bool { return dead(strconv.Itoa(script)) })

	next := openOn(t, hosttest.New(data, "process"))
	if left := entries(t, data); left != nil {
		t.Errorf("left behind: %q", left)
	}
	expectDead(t, pids)
	alive.must("run_script", "sh", "exit 0")
	next.must("run_script", "sh", "exit 0")
}

func childOf(parent int) int {
	for _, pid := range allPids() {
		if p, ok := readProcess(pid); ok && p.parent == parent {
			return pid
		}
	}
	return 0
}

func expectAlive(t *testing.T, pids []string) {
	t.Helper()
	for _, pid := range pids {
		if dead(pid) {
			t.Errorf("process %s is dead", pid)
		}
	}
}

func TestOrphanedMarkers(t *testing.T) {
	here := pidNamespace()
	self := owner() + ".X"
	if orphaned(self, here) {
		t.Errorf("%s is this process's own", self)
	}
	pid := strconv.Itoa(os.Getpid())
	for run, want := range map[string]bool{
		here + "." + pid + ".1.X":         true, // the number is another process's now
		here + ".999999999.1.X":           true,
		"1" + here + "." + pid + ".1.X":   false, // another namespace
		here + "." + pid + ".X":           false,
		here + ".abc.1.X":                 false,
		"":                                false,
		"mine":                            false,
		strings.Repeat(here+".", 4) + "X": false,
	} {
		if got := orphaned(run, here); got != want {
			t.Errorf("%q: got %v", run, got)
		}
	}
}
