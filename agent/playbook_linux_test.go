package main_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// playbooks starts an agent for playbooks, which are run by Debian's Ansible.
func playbooks(t testing.TB) (*enginetest.Engine, *device) {
	t.Helper()
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.strict = true
	d.start()
	d.serving("role_PlaybookExec_SYSTEM.lua")
	d.stop() // enrolling gives the device its name, and each role a new version: a run would stay with the old one
	d.start()
	d.serving("role_PlaybookExec_SYSTEM.lua")
	return e, d
}

// long is how long a playbook may take on a busy machine; alone it takes some seconds.
const long = 3 * time.Minute

func playbook(text string) enginetest.Job {
	return enginetest.Job{ScriptType: "ansible", Script: []byte(text), TimeoutSeconds: 150}
}

const head = "- hosts: localhost\n  gather_facts: false\n  tasks:\n"

func TestPlaybooksEndAsAnsibleSays(t *testing.T) {
	e, d := playbooks(t)
	made := filepath.Join(t.TempDir(), "made")
	vaulted := vault(t, "secret_word: tern-9\n")
	type job struct {
		enginetest.Job
		status string
		says   []string
	}
	jobs := map[string]job{
		"ok and changed": {
			playbook(head + "  - copy: {content: x, dest: " + made + "}\n  - debug: {msg: 'count {{ count }}'}\n"), "Success",
			[]string{"changed: [localhost]", "ok: [localhost] count 3", "localhost : ok=2 changed=1 unreachable=0 failed=0"},
		},
		"failed":      {playbook(head + "  - command: 'false'\n"), "Failed", []string{"failed: [localhost]", "failed=1"}},
		"rescued":     {playbook(head + "  - block: [{command: 'false'}]\n    rescue: [{debug: {msg: saved}}]\n"), "Success", []string{"saved", "rescued=1"}},
		"no such yml": {playbook("- hosts: [\n"), "Failed", []string{"ERROR!"}},
		"unreachable": {
			playbook(head + "  - add_host: {name: away, ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}\n- hosts: away\n  gather_facts: false\n  tasks: [{ping: {}}]\n"),
			"Failed",
			[]string{"unreachable: [away]", "away : ok=0 changed=0 unreachable=1"},
		},
		"hidden": {playbook(head + "  - debug: {msg: c4n4ry}\n    no_log: true\n"), "Success", []string{"(hidden: no_log)"}},
		"vault":  {playbook(head + "  - debug: {msg: 'word {{ secret_word }}'}\n  vars:\n    secret_word: !vault |\n" + vaulted), "Success", []string{"word tern-9"}},
		"10,000 lines": {
			playbook(head + "  - command: seq 10000\n    register: out\n  - debug: {msg: '{{ out.stdout }}'}\n"), "Success", []string{"\n3000\n", "ok=2"},
		},
	}
	ids := map[string]int64{}
	for name, j := range jobs {
		j.Variables = []enginetest.Variable{{Name: "count", Type: "number", Default: 3}, {Name: "vault_password", Type: "credential", Value: "pw"}}
		ids[name] = d.send(j.Job)
	}
	for name, j := range jobs {
		ctx, cancel := context.WithTimeout(t.Context(), long)
		r, err := e.Result(ctx, ids[name])
		cancel()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Status != j.status || strings.Contains(r.Stdout, "c4n4ry") {
			t.Errorf("%s: %+v", name, r)
		}
		for _, says := range j.says {
			if !strings.Contains(r.Stdout, says) {
				t.Errorf("%s does not say %q: %+v", name, says, r)
			}
		}
	}
	if text, err := os.ReadFile(made); err != nil || string(text) != "x" {
		t.Errorf("the playbook's file: %q, %v", text, err)
	}
	d.until("no folder of a run to be left", func() bool {
		left, err := filepath.Glob(filepath.Join(d.home, "Agent", "Borealis", "Settings", "RoleData", "playbook_exec_system", "runs", "*"))
		return err == nil && len(left) == 0
	})
}

// vault encrypts a value as ansible-vault does, indented for a playbook.
func vault(t *testing.T, text string) string {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("pw"), 0o600); err != nil {
		t.Fatal(err)
	}
	value := strings.TrimSpace(strings.SplitN(text, ": ", 2)[1])
	out, err := exec.Command("ansible-vault", "encrypt_string", "--vault-password-file", password, value).Output()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "!vault") {
			lines = append(lines, "      "+line+"\n")
		}
	}
	return strings.Join(lines, "")
}

func TestAPlaybookIsCancelledWithAllThatItStarted(t *testing.T) {
	e, d := playbooks(t)
	cancelPlaybook(t, e, d, "5b0e3c6f9a1d4e7f8c2b1a0d9e8f7c6b", func() {})
	// The version that runs it is replaced meanwhile, and only drains.
	cancelPlaybook(t, e, d, "0d9e8f7c6b5b0e3c6f9a1d4e7f8c2b1a", func() { d.touchUp("role_PlaybookExec_SYSTEM.lua") })
}

// cancelPlaybook starts a playbook, lets something happen meanwhile, and ends it.
func cancelPlaybook(t *testing.T, e *enginetest.Engine, d *device, run string, meanwhile func()) {
	t.Helper()
	mark := filepath.Join(t.TempDir(), "pid")
	job := playbook(head + "  - shell: 'echo $$ > " + mark + "; exec sleep 300'\n")
	job.Tamper = func(p map[string]any) { p["run_id"] = run }
	id := d.send(job)
	pid := begun(t, mark)
	meanwhile()
	if err := e.Emit("", "ansible_playbook_cancel", map[string]any{"run_id": run}); err != nil {
		t.Fatal(err)
	}
	d.until("the task to be gone", func() bool { return gone(pid) || zombie(pid) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if r, err := e.Result(ctx, id); err != nil || r.Status != "Failed" || !strings.Contains(r.Stderr, "cancelled=yes") {
		t.Errorf("%+v, %v", r, err)
	}
}

// BenchmarkPlaybook measures a playbook of one task from the Engine and back to it, and beside it a bare run.
func BenchmarkPlaybook(b *testing.B) {
	text := head + "  - ping: {}\n"
	b.Run("agent", func(b *testing.B) {
		_, d := playbooks(b)
		for b.Loop() {
			if r := d.run(playbook(text)); r.Status != "Success" {
				b.Fatalf("%+v", r)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		file := filepath.Join(b.TempDir(), "playbook.yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if out, err := exec.Command("ansible-playbook", "-i", "localhost,", "-c", "local", file).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
	})
}

// runEvent is an ansible_playbook_run as Engines send it.
func runEvent(id int64, run, text string, changes map[string]any) map[string]any {
	event := map[string]any{
		"run_id": run, "target_hostname": "*", "playbook_name": "Noop", "playbook_encoding": "base64", "activity_job_id": id,
		"playbook_content": base64.StdEncoding.EncodeToString([]byte(text)), "connection": "winrm", "variables": []any{}, "files": []any{},
		"variable_values": map[string]any{"count": 3}, "context": map[string]any{"scheduled_job_id": 9, "scheduled_job_run_id": 31},
	}
	maps.Copy(event, changes)
	return event
}

// play sends a playbook and gives what it came to.
func (d *device) play(id int64, run, text string, changes map[string]any) (r wire.JobResult) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), long)
	defer cancel()
	host, err := os.Hostname()
	if err == nil {
		_, err = d.engine.WaitConnected(ctx, host)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.engine.Emit("", "ansible_playbook_run", runEvent(id, run, text, changes)); err != nil {
		d.t.Fatal(err)
	}
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		for _, ev := range d.engine.Events() {
			if ev.Event == wire.EventJobResult && json.Unmarshal(ev.Data, &r) == nil && string(r.JobID) == fmt.Sprint(id) {
				return r
			}
		}
	}
	d.t.Fatalf("playbook %d came to nothing", id)
	return r
}

// sealed is a signature as Engines write it.
func sealed(e *enginetest.Engine, text string) string {
	return base64.StdEncoding.EncodeToString(e.Sign([]byte(text)))
}

// TestPlaybooksThatNobodySignedRunOnlyWhereTheOperatorSaysSo goes from an agent that refuses them to one that does not.
func TestPlaybooksThatNobodySignedRunOnlyWhereTheOperatorSaysSo(t *testing.T) {
	e, d := playbooks(t)
	text := head + "  - debug: {msg: 'count {{ count }}'}\n"
	if r := d.play(9001, "a1", text, nil); r.Status != "Failed" || r.Stderr != "the script is not signed" {
		t.Errorf("unsigned: %+v", r)
	}
	if r := d.play(9002, "a2", text, map[string]any{"signature": sealed(e, text), "sig_alg": "ed25519"}); r.Status != "Success" || !strings.Contains(r.Stdout, "count 3") {
		t.Errorf("signed: %+v", r)
	}
	if said := d.ask("status").ok(t); strings.Contains(said, "playbooks.allow_unsigned") {
		t.Errorf("status: %s", said)
	}
	d.stop()
	d.set("playbooks", map[string]any{"allow_unsigned": true})
	d.start()
	d.serving("role_PlaybookExec_SYSTEM.lua")
	if said := d.ask("status").ok(t); !strings.Contains(said, "playbooks.allow_unsigned") {
		t.Errorf("status: %s", said)
	}
	if r := d.play(9003, "a3", text, nil); r.Status != "Success" || !strings.Contains(r.Stdout, "count 3") {
		t.Errorf("unsigned, and let pass: %+v", r)
	}
	if r := d.play(9004, "a4", text, map[string]any{"signature": sealed(e, "other")}); r.Status != "Failed" || !strings.Contains(r.Stderr, "does not fit") {
		t.Errorf("signed for something else: %+v", r)
	}
}

// begun waits for a task that writes its process into a file.
func begun(t *testing.T, mark string) (pid int) {
	t.Helper()
	for deadline := time.Now().Add(long); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(mark)
		if fmt.Sscan(string(text), &pid); pid != 0 {
			return pid
		}
	}
	t.Fatal("the task never began")
	return 0
}

// recapSeen is what is reported of a run.
type recapSeen struct {
	Run    string `json:"run_id"`
	Job    int64  `json:"activity_job_id"`
	Status string `json:"status"`
	Text   string `json:"recap_text"`
}

// TestAPlaybookOfAKilledAgent kills the agent in the middle of a run: the task dies, job and run are told to have failed,
// and nothing is left of the run.
func TestAPlaybookOfAKilledAgent(t *testing.T) {
	e, d := playbooks(t)
	var recap atomic.Pointer[recapSeen]
	e.Fault("/api/ansible/recap/report", func(w http.ResponseWriter, r *http.Request) bool { // where Engines have it
		var seen recapSeen
		if err := json.NewDecoder(r.Body).Decode(&seen); err != nil {
			t.Error(err)
		}
		recap.Store(&seen)
		_, _ = w.Write([]byte(`{"status":"ok"}`))
		return true
	})
	mark := filepath.Join(t.TempDir(), "pid")
	job := playbook(head + "  - shell: 'echo $$ > " + mark + "; exec sleep 300'\n")
	job.Tamper = func(p map[string]any) { p["run_id"] = "k1" }
	id := d.send(job)
	pid := begun(t, mark)
	d.kill()
	d.start()
	d.until("the task to be gone", func() bool { return gone(pid) || zombie(pid) })
	if r := d.answered(id); r.Status != "Failed" || !strings.Contains(r.Stderr, "interrupted") {
		t.Errorf("%+v", r)
	}
	d.until("the run's end to be reported", func() bool {
		last := recap.Load()
		return last != nil && last.Run == "k1" && last.Status == "Failed" && last.Job == id && strings.Contains(last.Text, "interrupted")
	})
	d.until("no folder to be left", func() bool {
		left, err := filepath.Glob(filepath.Join(d.home, "Agent", "Borealis", "Settings", "RoleData", "playbook_exec_system", "runs", "*"))
		return err == nil && len(left) == 0
	})
}

// set puts a setting into the file of the agent, which must not run.
func (d *device) set(key string, value any) {
	d.t.Helper()
	path := d.path("Settings", "agent_settings_SYSTEM.json")
	all := map[string]any{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	must(d.t, err)
	all[key] = value
	text, err = json.Marshal(all)
	must(d.t, err)
	must(d.t, os.WriteFile(path, text, 0o600))
}

// sshd starts Debian's server on loopback for the user of the test, and gives its port and the key that opens it.
func sshd(t *testing.T) (port int, key string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	port = freePort(t)
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/user.pub\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n", port, dir, dir)
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600), os.MkdirAll("/run/sshd", 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(dir, "config"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = conn.Close()
			return port, filepath.Join(dir, "user")
		}
	}
	t.Fatal("sshd does not listen")
	return 0, ""
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestAPlaybookOverSSH reaches this machine through a real sshd, with a key that stands in no argument.
func TestAPlaybookOverSSH(t *testing.T) {
	_, d := playbooks(t)
	port, key := sshd(t)
	job := playbook(head + "  - command: sh -c 'echo over $SSH_CONNECTION'\n    register: out\n  - debug: {msg: '{{ out.stdout }}'}\n")
	job.Tamper = func(p map[string]any) { p["connection"] = "ssh" }
	job.Variables = []enginetest.Variable{
		{Name: "ansible_port", Type: "number", Value: port}, {Name: "ansible_ssh_private_key_file", Type: "string", Value: key},
	}
	id := d.send(job)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	if r, err := d.engine.Result(ctx, id); err != nil || r.Status != "Success" || !strings.Contains(r.Stdout, fmt.Sprintf("127.0.0.1 %d", port)) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestTwentyPlaybooksAtOnce has each write what it was given into a file of its own: none is lost or mixed up with
// another, and at most four run at a time.
func TestTwentyPlaybooksAtOnce(t *testing.T) {
	e, d := playbooks(t)
	runs := enginetest.AtLength(20, 8)
	dir := t.TempDir()
	ids := make([]int64, runs)
	for i := range ids {
		job := playbook(head + "  - shell: 'echo {{ who }} > " + dir + "/{{ who }}; ls -d {{ playbook_dir }}/../*/ | wc -l'\n    register: out\n  - debug: {msg: 'beside {{ out.stdout }} for {{ who }}'}\n")
		job.TimeoutSeconds = 600
		job.Variables = []enginetest.Variable{{Name: "who", Type: "string", Value: fmt.Sprintf("run-%d", i)}}
		ids[i] = d.send(job)
	}
	d.until("four to run and the rest to wait", func() bool {
		list := d.jobs()
		return count(list, "running") == 4 && count(list, "waiting") == runs-4
	})
	for i, id := range ids {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		r, err := e.Result(ctx, id)
		cancel()
		var beside int
		_, after, _ := strings.Cut(r.Stdout, "beside ")
		if _, scan := fmt.Sscan(after, &beside); err != nil || r.Status != "Success" || scan != nil || beside > 4 || !strings.Contains(r.Stdout, fmt.Sprintf("for run-%d\n", i)) {
			t.Errorf("run %d, beside %d: %+v, %v", i, beside, r, err)
		}
	}
	if made, _ := os.ReadDir(dir); len(made) != runs {
		t.Errorf("%d files of %d runs", len(made), runs)
	}
}
