package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// editedRole is the role that the round trip edits: the one that answers jobs.
const editedRole = "role_ScriptExec_SYSTEM.lua"

// trip is the round trip of --once, on the role file that it edits and puts back.
type trip struct {
	*demo
	path     string
	original []byte
	mode     fs.FileMode
}

// roundTrip does one job, one edit and one broken edit. It leaves the role file as it was.
func (d *demo) roundTrip(ctx context.Context) (err error) {
	t := &trip{demo: d, path: filepath.Join(d.Roles, editedRole)}
	info, err := os.Stat(t.path)
	if err != nil {
		return withHint(err, "the round trip edits %s; choose a folder that has it with --roles", editedRole)
	}
	t.mode = info.Mode().Perm()
	if t.original, err = os.ReadFile(t.path); err != nil {
		return err
	}
	if err := t.job(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.restore(ctx)) }()
	mark := "edited by the demo " + rand.Text()
	if err := t.edit(ctx, mark); err != nil {
		return err
	}
	return t.breakIt(ctx, mark)
}

// sample is a script with an output that this run alone has.
func sample() (kind, script, output string) {
	output = "borealis demo " + rand.Text()
	if runtime.GOOS == "windows" {
		return "powershell", "Write-Output '" + output + "'\n", output
	}
	return "bash", "echo '" + output + "'\n", output
}

// ask sends the sample and checks its output, which may have more behind it.
func (t *trip) ask(ctx context.Context) (more string, report jobReport, err error) {
	kind, script, output := sample()
	r, took, err := t.signedJob(ctx, kind, "Demo", []byte(script))
	if err != nil {
		return "", report, err
	}
	report = jobReport{Status: r.Status, Milliseconds: milliseconds(took)}
	more, found := strings.CutPrefix(r.Stdout, output)
	if !found || r.Status != "Success" {
		return "", report, fmt.Errorf("job %d: %s with output %q instead of %q; %s", r.JobID, r.Status, r.Stdout, output, r.Stderr)
	}
	return more, report, nil
}

// job runs one signed job.
func (t *trip) job(ctx context.Context) error {
	more, report, err := t.ask(ctx)
	if t.report.Job == nil { // else it tells of --script
		t.report.Job = &report
	}
	if err != nil {
		return err
	}
	if strings.TrimSpace(more) != "" {
		return fmt.Errorf("the job's output has %q behind it", more)
	}
	t.say("job", "%s with the right output in %d ms", report.Status, report.Milliseconds)
	return nil
}

// edit changes the text of the role's answers, waits until the new version serves, and sees its text in the next job.
func (t *trip) edit(ctx context.Context, mark string) error {
	before := []byte("stdout = stdout,")
	after := fmt.Appendf(nil, "stdout = stdout .. %q,", mark+"\n")
	edited := bytes.Replace(t.original, before, after, 1)
	if bytes.Equal(edited, t.original) {
		return withHint(fmt.Errorf("%s: no %q to edit in it", editedRole, before), "the round trip needs the shipped role; choose another --roles")
	}
	took, err := t.save(ctx, edited)
	if err != nil {
		return err
	}
	t.report.Reload = &reloadReport{Milliseconds: milliseconds(took)}
	if err := t.marked(ctx, mark); err != nil {
		return err
	}
	t.say("edit", "%s serves %d ms after it was saved; the next job shows it", editedRole, t.report.Reload.Milliseconds)
	return nil
}

// marked checks that a job's output carries the mark of the edited role.
func (t *trip) marked(ctx context.Context, mark string) error {
	more, _, err := t.ask(ctx)
	if err == nil && !strings.Contains(more, mark) {
		err = fmt.Errorf("the job's output is not of the edited role: %q", more)
	}
	return err
}

// breakIt saves a version with an error in it, waits until it is refused, and sees the old one serve.
func (t *trip) breakIt(ctx context.Context, mark string) error {
	broken := append(bytes.Clone(t.original), "\nfunction Role:broken(\n"...)
	if err := t.put(broken); err != nil {
		return err
	}
	var reason string
	err := t.until(ctx, "refusal of a broken "+editedRole, func(s agentStatus) (bool, error) {
		r := s.role(editedRole)
		if r.Version == version(broken) {
			return false, fmt.Errorf("%s: a broken version is %s", editedRole, r.State)
		}
		if r.Refusal == nil || r.Refusal.Version != version(broken) {
			return false, nil
		}
		reason = r.Refusal.Reason
		return r.State == "running", nil
	})
	if err != nil {
		return err
	}
	if !regexp.MustCompile(regexp.QuoteMeta(editedRole) + `:\d+: `).MatchString(reason) {
		return fmt.Errorf("the refusal names no file and line: %q", reason)
	}
	if err := t.marked(ctx, mark); err != nil {
		return err
	}
	t.report.Reload.Refused = true
	t.say("broken", "refused while the old version serves: %s", reason)
	return nil
}

// restore puts the role back as it was and waits until that serves again.
func (t *trip) restore(ctx context.Context) error {
	if ctx.Err() != nil {
		return t.put(t.original)
	}
	_, err := t.save(ctx, t.original)
	if err == nil {
		t.say("restored", "%s is as it was, and serves", editedRole)
	}
	return err
}

// save puts a version into the watched directory and waits until it serves.
func (t *trip) save(ctx context.Context, text []byte) (time.Duration, error) {
	if err := t.put(text); err != nil {
		return 0, err
	}
	saved := time.Now()
	err := t.until(ctx, "reload of "+editedRole, func(s agentStatus) (bool, error) {
		r := s.role(editedRole)
		if r.Refusal != nil && r.Refusal.Version == version(text) {
			return false, fmt.Errorf("%s: refused: %s", editedRole, r.Refusal.Reason)
		}
		return r.State == "running" && r.Version == version(text), nil
	})
	return time.Since(saved), err
}

// put replaces the role's file as an editor does: whole, by renaming.
func (t *trip) put(text []byte) error {
	draft := filepath.Join(filepath.Dir(t.path), "."+editedRole+".demo")
	if err := os.WriteFile(draft, text, t.mode); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return os.Rename(draft, t.path)
}

// version is how the agent names a version of a role's file.
func version(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text))[:12] }
