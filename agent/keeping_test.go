package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// keeping is a role that counts its jobs in its store, and reads the file that the job's script names.
func keeping(version int, folder string) string {
	return fmt.Sprintf(`-- version %d
ROLE_NAME = "mine"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine", "fs.read:%s" }
local Role = {}
function Role:register_events(events)
  events:on("quick_job_run", function(job)
    local n = (store.get("n") or 0) + 1
    assert(store.set("n", n))
    local text, _, code = fs.read(job.script)
    engine.emit("quick_job_result", { job_id = job.job_id, status = "Success", stdout = n .. " " .. (text or code), stderr = "" })
  end)
end
return Role
`, version, folder)
}

// TestWhatARoleKeepsSurvivesAndWhatItReadsIsGranted takes a role through an edit, a restart and a kill of the agent. The
// operator has allowed more than its file declares; what the file declares counts.
func TestWhatARoleKeepsSurvivesAndWhatItReadsIsGranted(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	at := func(name string) string { return filepath.Join(folder, name) }
	must(t, os.MkdirAll(at("inner/deep"), 0o755))
	must(t, os.WriteFile(at("inner/deep/f"), []byte("inside"), 0o644))
	must(t, os.WriteFile(at("secret"), []byte("secret"), 0o644))
	must(t, os.Symlink("../secret", at("inner/link")))

	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_mine.lua": keeping(1, at("inner"))})
	d.strict = true
	d.start()
	d.until("the grants to be withheld", func() bool { s := d.status(); return len(s.Roles) == 1 && len(s.Roles[0].Withheld) == 2 })
	d.role("allow", "mine", "engine", "fs.read:"+folder).ok(t)
	d.until("the grants", func() bool { s := d.status(); return s.Roles[0].State == "running" && len(s.Roles[0].Withheld) == 0 })
	d.serving("role_mine.lua")
	answers := func(path, want string) {
		t.Helper()
		if r := d.run(enginetest.Job{Script: []byte(path)}); r.Stdout != want {
			t.Errorf("%s: %+v, want %q", path, r, want)
		}
	}
	answers(at("inner/deep/f"), "1 inside")
	answers(at("inner/link"), "2 denied")
	answers(at("secret"), "3 denied")
	answers(at("inner")+"/../secret", "4 bad_path")
	for _, line := range []string{"a link leads out of what is granted", `is not granted: add`} {
		if !strings.Contains(d.log.String(), line) {
			t.Errorf("no line of the log says %q", line)
		}
	}

	before := d.status().Roles[0].Version
	d.save("role_mine.lua", keeping(2, at("inner")))
	d.until("the edit to serve", func() bool { return d.status().Roles[0].Version != before })
	answers(at("inner/deep/f"), "5 inside")
	d.stop()
	d.start()
	d.serving("role_mine.lua")
	answers(at("inner/deep/f"), "6 inside")
	d.kill()
	d.start()
	d.serving("role_mine.lua")
	answers(at("inner/deep/f"), "7 inside")
}
