package main_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
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
	var pid int
	deadline := time.Now().Add(long)
	for pid == 0 && time.Now().Before(deadline) {
		text, _ := os.ReadFile(mark)
		fmt.Sscan(string(text), &pid)
		time.Sleep(20 * time.Millisecond)
	}
	if pid == 0 {
		t.Fatal("the task never began")
	}
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
