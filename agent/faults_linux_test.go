package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// errands are jobs that leave a line where they ran, each with its number.
type errands struct {
	*device
	ran  string
	jobs []int64 // by number
}

func newErrands(d *device) *errands {
	return &errands{device: d, ran: filepath.Join(d.t.TempDir(), "ran")}
}

func (r *errands) send() {
	r.t.Helper()
	r.jobs = append(r.jobs, r.device.send(enginetest.Job{
		Script: []byte(`echo "$N" >> "$RAN"`), Environment: map[string]string{"N": strconv.Itoa(len(r.jobs)), "RAN": r.ran},
	}))
}

// runs counts how often each job has run.
func (r *errands) runs() map[int]int {
	r.t.Helper()
	text, err := os.ReadFile(r.ran)
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	runs := map[int]int{}
	for _, line := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(line)
		if err != nil {
			r.t.Fatal(err)
		}
		runs[n]++
	}
	return runs
}

// expectAnswers waits until every job that ran is answered, and checks that none ran twice. A job that nobody heard is
// neither: the Engine does not send it again.
func (r *errands) expectAnswers() (ran, interrupted int) {
	r.t.Helper()
	for n, times := range r.runs() {
		if times != 1 {
			r.t.Errorf("job %d ran %d times", n, times)
		}
		r.until(fmt.Sprintf("the answer to job %d", n), func() bool { return len(r.engine.Results(r.jobs[n])) > 0 })
	}
	for n, id := range r.jobs {
		for _, result := range r.engine.Results(id) {
			switch {
			case result.Status == "Failed" && strings.Contains(result.Stderr, "interrupted"):
				interrupted++
			case result.Status != "Success" || r.runs()[n] != 1:
				r.t.Errorf("job %d ran %d times and was answered %+v", n, r.runs()[n], result)
			}
		}
	}
	return len(r.runs()), interrupted
}

// alive proves that the device takes jobs.
func (r *errands) alive() {
	r.t.Helper()
	if result := r.device.run(enginetest.Job{Script: []byte("echo well")}); result.Stdout != "well\n" {
		r.t.Fatalf("%+v", result)
	}
}

// TestKilledAtAnyInstant kills the agent with SIGKILL again and again while jobs come in.
func TestKilledAtAnyInstant(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	r := newErrands(newDevice(t, e, nil))
	kills := enginetest.AtLength(200, 25)
	for range kills {
		r.start()
		r.until("a session", func() bool { return e.Connected(r.status().AgentID) })
		for end := time.Now().Add(rand.N(400 * time.Millisecond)); time.Now().Before(end); time.Sleep(rand.N(20 * time.Millisecond)) {
			r.send()
		}
		r.kill()
		r.until("the session to end", func() bool { return !e.Connected(r.status().AgentID) })
	}
	r.start()
	r.serving("role_ScriptExec_SYSTEM.lua")
	ran, interrupted := r.expectAnswers()
	r.alive()
	if ran == 0 {
		t.Error("no job ran at all")
	}
	t.Logf("%d kills, %d jobs sent, %d ran, each once; %d answered as interrupted", kills, len(r.jobs), ran, interrupted)
}

// TestOverABadLine has jobs come in while the line to the Engine is slow, late, cut again and again, or dead without a
// word.
func TestOverABadLine(t *testing.T) {
	t.Parallel()
	lines := map[string]func(l *relay){
		"late":      func(l *relay) { l.set(badness{delay: 100 * time.Millisecond}) },
		"slow":      func(l *relay) { l.set(badness{rate: 20_000}) },
		"cut":       func(l *relay) { l.reset() },
		"half-open": func(l *relay) { l.set(badness{silent: true}) },
	}
	for name, spoil := range lines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Start(t, enginetest.Config{AutoApprove: true, PingInterval: time.Second, PingTimeout: 3 * time.Second})
			l := newRelay(t, e.URL())
			d := newDevice(t, e, nil)
			d.url = l.url()
			r := newErrands(d)
			r.start()
			r.serving("role_ScriptExec_SYSTEM.lua")
			for range 3 { // more of them would only wait longer for the next dial
				before := len(r.runs())
				for range 10 {
					r.send()
				}
				r.until("a job to run", func() bool { return len(r.runs()) > before })
				spoil(l)
				for range 10 {
					time.Sleep(20 * time.Millisecond)
					r.send()
				}
				if name == "half-open" {
					r.until("the dead line to be noticed", func() bool { return !r.status().Connected })
				}
				l.set(badness{})
				r.until("a session", func() bool { return r.status().Connected && e.Connected(r.status().AgentID) })
			}
			r.alive()
			ran, _ := r.expectAnswers()
			t.Logf("%d jobs sent, %d ran, each once, and were answered", len(r.jobs), ran)
		})
	}
}

// TestTheEngineIsAwayForTenThousandResults lets results pile up while there is no Engine.
func TestTheEngineIsAwayForTenThousandResults(t *testing.T) {
	t.Parallel()
	const results, held = 10_000, 9_990 // held before the Engine is back
	cfg := enginetest.Config{AutoApprove: true, Dir: t.TempDir()}
	e := enginetest.Start(t, cfg)
	d := newDevice(t, e, map[string]string{"role_teller.lua": fmt.Sprintf(`ROLE_NAME = "teller"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine" }
local Role = {}
function Role:register_events(events)
  events:on("tell", function()
    print("begins")
    timer.sleep(1)
    local n, clock = 0, nil
    clock = assert(timer.every(0.02, function()
      for i = 1, 50 do
        n = n + 1
        assert(engine.emit("quick_job_result", { job_id = n, status = "Success", stdout = "", stderr = "" }))
      end
      if n == %d then
        clock:cancel()
      end
    end))
  end)
end
return Role
`, results)})
	d.start()
	d.serving("role_teller.lua")
	d.stop()
	d.start() // under its final name from the start, so that the role is not begun anew
	d.serving("role_teller.lua")
	if err := e.Emit(d.status().AgentID, "tell", map[string]any{}); err != nil {
		t.Fatal(err)
	}
	d.until("the event to arrive", func() bool { return strings.Contains(d.log.String(), "begins") })
	cfg.Addr = strings.TrimPrefix(strings.Replace(e.URL(), "localhost", "127.0.0.1", 1), "https://")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	d.until("the results to pile up", func() bool { return d.status().Outbox >= held })
	d.engine = enginetest.Start(t, cfg)
	for left := results; left > 0; { // half of them at a time: a busy machine takes its time
		left /= 2
		d.until("the outbox to empty", func() bool { return d.status().Outbox <= left })
	}
	told := map[string]bool{}
	for _, ev := range d.engine.Events() {
		if ev.Event == "quick_job_result" {
			told[string(ev.Data)] = true
		}
	}
	if len(told) != results {
		t.Errorf("%d results of %d arrived", len(told), results)
	}
}

// TestADiskThatTakesNothing fills the disk under the agent, or has the system make it read-only. A job is answered
// meanwhile, and with the disk the device recovers.
func TestADiskThatTakesNothing(t *testing.T) {
	t.Parallel()
	disks := map[string]func(t *testing.T, d *device) (mend func()){
		"full": func(t *testing.T, d *device) func() {
			filler := filepath.Join(d.home, "filler")
			fill(t, filler)
			return func() { must(t, os.Remove(filler)) }
		},
		"read-only": func(t *testing.T, d *device) func() {
			must(t, os.WriteFile(filepath.Join("/sys/fs/ext4", filepath.Base(mounted(t, d.home)), "trigger_fs_error"), []byte("1"), 0))
			return func() { // a disk like that is mended with nobody on it
				d.stop()
				shell(t, "umount", d.home)
				shell(t, "mount", "-o", "loop,errors=remount-ro", d.home+".disk", d.home)
				d.start()
				d.serving("role_ScriptExec_SYSTEM.lua")
			}
		},
	}
	for name, spoil := range disks {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
			d := newDevice(t, e, nil)
			disk(t, d.home)
			r := newErrands(d)
			r.start()
			r.serving("role_ScriptExec_SYSTEM.lua")
			mend := spoil(t, d)
			t.Logf("meanwhile a job is answered %+v", d.run(enginetest.Job{Script: []byte("echo during")}))
			if gone(d.cmd.Process.Pid) || !e.Connected(d.status().AgentID) {
				t.Error("the agent did not stay")
			}
			mend()
			r.alive()
			r.send()
			r.until("the job to run", func() bool { return len(r.runs()) > 0 })
			r.expectAnswers()
		})
	}
}

// disk mounts a small disk of its own at a directory.
func disk(t *testing.T, dir string) {
	t.Helper()
	image := dir + ".disk"
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 32<<20))
	shell(t, "mkfs.ext4", "-q", "-O", "^has_journal", image)
	shell(t, "mount", "-o", "loop,errors=remount-ro", image, dir)
	t.Cleanup(func() {
		shell(t, "umount", dir)
		must(t, os.Remove(image))
	})
}

// mounted is the device of the disk at a directory.
func mounted(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("findmnt", "-no", "SOURCE", dir).Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

func shell(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// fill writes until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}
