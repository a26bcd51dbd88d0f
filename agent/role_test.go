package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/policy"
	"github.com/bunny-lab-io/borealis-agent/luaroles"
)

// said is how a command ended.
type said struct {
	out, err string
	status   int
}

// command runs a command of the agent's binary.
func command(t *testing.T, args ...string) said {
	t.Helper()
	return commandIn(t, nil, args...)
}

// commandIn is command with more in its environment.
func commandIn(t *testing.T, env []string, args ...string) said {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	var out, complaint strings.Builder
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "borealis-agent"), args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "BOREALIS_") })
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return said{out.String(), complaint.String(), cmd.ProcessState.ExitCode()}
}

// role runs a subcommand of role about a device.
func (d *device) role(args ...string) said {
	d.t.Helper()
	return command(d.t.(*testing.T), append(append([]string{"role"}, args...), "--home", d.home)...)
}

// ok gives what a command printed, which must have gone well.
func (s said) ok(t *testing.T) string {
	t.Helper()
	if s.status != 0 {
		t.Fatalf("%+v", s)
	}
	return s.out
}

// refusedWith checks that a command was refused for a reason.
func (s said) refusedWith(t *testing.T, reason string) {
	t.Helper()
	if s.status != 1 || !strings.Contains(s.err, reason) {
		t.Errorf("%+v; want %q", s, reason)
	}
}

// taking is a role that answers every job with what a program says, or why it could not be run.
func taking(grants string) string {
	return fmt.Sprintf(`ROLE_NAME = "mine"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { %s }
local Role = {}
function Role:register_events(events)
  events:on("quick_job_run", function(job)
    local ok, done = pcall(function() return process.run({ "echo", "ran" }) end)
    engine.emit("quick_job_result", { job_id = job.job_id, status = "Success", stdout = ok and done.stdout or done, stderr = "" })
  end)
end
return Role
`, grants)
}

func TestWhatIsDeclaredIsWithheldUntilItIsAllowed(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_mine.lua": taking(`"process", "engine"`)})
	d.strict = true
	d.start()
	d.serving("role_mine.lua")
	d.until("the grants to be withheld", func() bool { return slices.Equal(d.status().Roles[0].Withheld, []string{"process", "engine"}) })
	if out := d.role("list").ok(t); !strings.Contains(out, "withheld: process, engine; borealis-agent role allow mine") {
		t.Errorf("list:\n%s", out)
	}

	// Its answer needs a grant, too; without it the job is answered in its place.
	if r := d.run(enginetest.Job{Script: []byte("x")}); !strings.Contains(r.Stderr, `grant "engine" is declared but not allowed here: borealis-agent role allow mine engine`) {
		t.Errorf("%+v", r)
	}
	if out := d.role("allow", "mine", "engine").ok(t); out != "mine may use engine\n" {
		t.Error(out)
	}
	d.until("the grant to come", func() bool { return slices.Equal(d.status().Roles[0].Withheld, []string{"process"}) })
	d.serving("role_mine.lua")
	if r := d.run(enginetest.Job{Script: []byte("x")}); !strings.Contains(r.Stdout, `grant "process" is declared but not allowed here: borealis-agent role allow mine process`) {
		t.Errorf("%+v", r)
	}
	if out := d.role("allow", "mine", "--json").ok(t); strings.Join(strings.Fields(out), "") != `["process"]` {
		t.Error(out)
	}
	d.until("all grants", func() bool { return len(d.status().Roles[0].Withheld) == 0 })
	d.serving("role_mine.lua")
	if r := d.run(enginetest.Job{Script: []byte("x")}); r.Stdout != "ran\n" {
		t.Errorf("%+v", r)
	}
	if out := d.role("allow", "mine").ok(t); out != "mine may use that already\n" {
		t.Error(out)
	}

	// What is taken back is taken from the running role, and a broken policy changes nothing.
	settings := filepath.Join(d.home, "Agent", "Borealis", "Settings")
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(settings, policy.File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[roles.mine]\nalow = [\"engine\"]\n")
	d.until("the complaint", func() bool { return strings.Contains(d.log.String(), `unknown key \"alow\": did you mean \"allow\"?`) })
	if held := d.status().Roles[0].Withheld; len(held) != 0 {
		t.Errorf("withheld: %q", held)
	}
	write("[roles.mine]\nallow = [\"engine\", \"process\", \"fs.read\"]\n")
	d.role("disallow", "mine", "process:echo").refusedWith(t, `role "mine" may use that as a part of process`)
	d.role("disallow", "mine", "http").refusedWith(t, `role "mine" was not allowed that`)
	d.role("disallow", "other").refusedWith(t, `role "other" was allowed nothing`)
	if out := d.role("disallow", "mine", "process", "fs").ok(t); out != "mine may no longer use process, fs.read\n" {
		t.Error(out)
	}
	d.until("the grant to go", func() bool { return slices.Equal(d.status().Roles[0].Withheld, []string{"process"}) })
	if out := d.role("disallow", "mine", "--json").ok(t); strings.Join(strings.Fields(out), "") != `["engine"]` {
		t.Error(out)
	}
	d.until("all grants to go", func() bool { return slices.Equal(d.status().Roles[0].Withheld, []string{"process", "engine"}) })
}

func TestWhatIsRefusedForWantOfAGrantServesOnceItIsAllowed(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_mine.lua": strings.Replace(taking(`"process", "engine"`), "local Role", "local run = process.run local Role", 1)})
	d.strict = true
	d.start()
	d.until("the refusal", func() bool { s := d.status(); return len(s.Roles) == 1 && s.Roles[0].State == "refused" })
	if reason := d.status().Roles[0].Reason; !strings.Contains(reason, `role_mine.lua:4: `) || !strings.Contains(reason, "borealis-agent role allow mine process") {
		t.Errorf("refused with %q", reason)
	}
	d.role("allow", "mine").refusedWith(t, "name the grants")
	d.role("allow", "mine", "process", "engine").ok(t)
	d.serving("role_mine.lua")
	if r := d.run(enginetest.Job{Script: []byte("x")}); r.Stdout != "ran\n" {
		t.Errorf("%+v", r)
	}
}

func TestShippedRolesNeedNoPermissionAndTheirEditsGetNoMore(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.strict = true
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	if r := d.run(enginetest.Job{Script: []byte("echo x")}); r.Stdout != "x\n" {
		t.Errorf("%+v", r)
	}
	text, err := fs.ReadFile(luaroles.Files, "role_ScriptExec_SYSTEM.lua")
	if err != nil {
		t.Fatal(err)
	}
	d.save("role_ScriptExec_SYSTEM.lua", strings.Replace(string(text), `{ "process", "engine" }`, `{ "process", "engine", "fs" }`, 1))
	d.until("the edit to serve", func() bool {
		return slices.ContainsFunc(d.status().Roles, func(r roleSeen) bool { return slices.Equal(r.Withheld, []string{"fs"}) })
	})
	d.serving("role_ScriptExec_SYSTEM.lua")
	if r := d.run(enginetest.Job{Script: []byte("echo x")}); r.Stdout != "x\n" {
		t.Errorf("%+v", r)
	}
}

func TestAQuarantinedRolesJobsAreAnsweredUntilItIsReleased(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_mine.lua": taking(`"process", "engine"`)})
	d.start()
	d.serving("role_mine.lua")
	d.until("quarantine", func() bool { // the back-off grows to four seconds
		r := d.status().Roles[0]
		if r.State == "running" {
			if worker, err := os.FindProcess(r.PID); err == nil {
				worker.Kill() // it may be gone already: then there is another soon
			}
		}
		return r.State == "quarantined"
	})
	answered := func() {
		t.Helper()
		const want = `no role on this device runs script jobs; role "mine", which asks for jobs, is quarantined: died 5 times`
		if r := d.run(enginetest.Job{Script: []byte("x")}); r.Status != "Failed" || !strings.HasPrefix(r.Stderr, want) {
			t.Errorf("%+v", r)
		}
	}
	answered()
	d.stop()
	d.start()
	d.until("quarantine after a restart", func() bool {
		s := d.status()
		return s.PID == d.cmd.Process.Pid && s.Connected && e.Connected(s.AgentID) && len(s.Roles) == 1 && s.Roles[0].State == "quarantined"
	})
	answered()
	if out := d.role("list").ok(t); !strings.Contains(out, "died 5 times") || !strings.Contains(out, "borealis-agent role release mine") {
		t.Errorf("list:\n%s", out)
	}
	d.role("release", "other").refusedWith(t, `role "other" is not quarantined; those that are: mine`)
	if out := d.role("release", "mine").ok(t); out != "role_mine.lua: released\n" {
		t.Error(out)
	}
	d.serving("role_mine.lua")
	if r := d.run(enginetest.Job{Script: []byte("x")}); r.Stdout != "ran\n" {
		t.Errorf("%+v", r)
	}
	d.role("release", "mine").refusedWith(t, "no role is")
	out := d.role("history", "mine").ok(t)
	if !strings.Contains(out, "quarantined") || !strings.Contains(out, "released") {
		t.Errorf("history:\n%s", out)
	}
}

func TestHistoryTellsOfVersionsAndRefusals(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_mine.lua": "nonsense \x1b[2J"})
	d.start()
	d.until("the refusal", func() bool { s := d.status(); return len(s.Roles) == 1 && s.Roles[0].State == "refused" })
	d.save("role_mine.lua", taking(`"engine"`))
	d.serving("role_mine.lua")
	var turns []struct {
		Name, File, State, Version, SHA256, Reason, Time string
		Milliseconds                                     *int64
	}
	if err := json.Unmarshal([]byte(d.role("history", "mine", "--json").ok(t)), &turns); err != nil {
		t.Fatal(err)
	}
	if len(turns) < 2 || turns[0].State != "refused" || turns[0].Name != "" || !strings.Contains(turns[0].Reason, "role_mine.lua:1:") ||
		turns[1].State != "running" || turns[1].Name != "mine" || turns[1].Version == "" || len(turns[1].SHA256) != 64 || !strings.HasPrefix(turns[1].SHA256, turns[1].Version) || turns[1].Milliseconds == nil || turns[1].Time == "" {
		t.Errorf("%+v", turns)
	}
	if out := d.role("history", "role_mine.lua").ok(t); strings.Contains(out, "\x1b") || strings.Count(out, "role_mine.lua") < 2 {
		t.Errorf("history:\n%q", out)
	}
	d.role("history", "other").refusedWith(t, `nothing is known of a role "other"`)
}

func TestTheLastGoodVersionServesAfterABrokenSaveDuringARestart(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_mine.lua": taking(`"process", "engine"`)})
	d.start()
	d.serving("role_mine.lua")
	good := d.status().Roles[0].Version
	d.stop()
	if err := os.WriteFile(filepath.Join(d.roles(), "role_mine.lua"), []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.until("the last good version to serve", func() bool {
		s := d.status()
		return s.PID == d.cmd.Process.Pid && s.Connected && e.Connected(s.AgentID) && s.Roles[0].State == "running" && s.Roles[0].Refusal != nil
	})
	if now := d.status().Roles[0]; now.Version != good || !strings.Contains(now.Reason, "kept from before the agent started") {
		t.Errorf("%+v", now)
	}
	if r := d.run(enginetest.Job{Script: []byte("x")}); r.Stdout != "ran\n" {
		t.Errorf("%+v", r)
	}
	if out := d.role("list").ok(t); !strings.Contains(out, "kept from before") || !strings.Contains(out, "role_mine.lua:1:") {
		t.Errorf("list:\n%s", out)
	}
}

// inspected is what role check --json prints of a file.
type inspected struct {
	File, Name, Version, Running                          string
	OK                                                    bool
	Problems, Contexts, Grants, Helpers, Events, Withheld []string
	Added                                                 []string `json:"grants_added"`
	Dropped                                               []string `json:"grants_dropped"`
}

// checks writes role files and checks them.
func checks(t *testing.T, files map[string]string, args ...string) ([]inspected, said) {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, "lib/") {
			names = append(names, path)
		}
	}
	slices.Sort(names)
	s := command(t, append(append([]string{"role", "check", "--json"}, args...), names...)...)
	var all []inspected
	if err := json.Unmarshal([]byte(s.out), &all); err != nil {
		t.Fatalf("%v: %+v", err, s)
	}
	return all, s
}

func TestCheckTellsWhatAFileIs(t *testing.T) {
	all, s := checks(t, map[string]string{
		"role_a.lua":    strings.Replace(taking(`"process", "engine"`), "local Role", `local word = require("lib.word") local Role`, 1),
		"lib/word.lua":  `return "x"`,
		"role_user.lua": "ROLE_NAME = \"user\" ROLE_CONTEXTS = { \"interactive\" }\nlocal Role = {}\nreturn Role\n",
	})
	if s.status != 0 || len(all) != 2 {
		t.Fatalf("%+v", s)
	}
	a, user := all[0], all[1]
	if !a.OK || a.Name != "mine" || a.Version == "" || !slices.Equal(a.Contexts, []string{"system"}) || !slices.Equal(a.Grants, []string{"process", "engine"}) ||
		!slices.Equal(a.Helpers, []string{"lib.word"}) || !slices.Equal(a.Events, []string{"quick_job_run"}) {
		t.Errorf("%+v", a)
	}
	if !user.OK || user.Name != "user" || !slices.Equal(user.Contexts, []string{"interactive"}) {
		t.Errorf("%+v", user)
	}
}

func TestCheckRefusesWhatTheAgentRefuses(t *testing.T) {
	touched := filepath.Join(t.TempDir(), "touched")
	head := "ROLE_NAME = \"x\"\nROLE_CONTEXTS = { \"system\" }\nROLE_GRANTS = { \"process\", \"fs\" }\nlocal Role = {}\n"
	for name, tc := range map[string]struct{ file, text, want string }{
		"syntax":           {"role_x.lua", head + "function (\nreturn Role\n", "role_x.lua:5"},
		"no name":          {"role_x.lua", "local Role = {}\nreturn Role\n", "role_x.lua:1: ROLE_NAME is missing"},
		"cut short":        {"role_x.lua", head, "return Role"},
		"an unknown grant": {"role_x.lua", strings.Replace(head, `"fs"`, `"fz"`, 1) + "return Role\n", `ROLE_GRANTS names "fz"`},
		"an empty grant":   {"role_x.lua", strings.Replace(head, `"fs"`, `"fs:/srv"`, 1) + "return Role\n", `write "fs.read:/srv", or "fs.write:/srv"`},
		"a relative grant": {"role_x.lua", strings.Replace(head, `"fs"`, `"fs.read:x"`, 1) + "return Role\n", "write an absolute path"},
		"a missing helper": {"role_x.lua", head + "require(\"lib.gone\")\nreturn Role\n", "lib.gone"},
		"raising at load":  {"role_x.lua", head + "error(\"no\")\nreturn Role\n", "role_x.lua:5: no"},
		"a loop":           {"role_x.lua", head + "while true do end\nreturn Role\n", "role_x.lua"},
		"waiting at load":  {"role_x.lua", head + "process.run({ \"touch\", \"" + touched + "\" })\nreturn Role\n", "role_x.lua:5"},
		"no role's name":   {"x.lua", head + "return Role\n", "the name must be like role_hello.lua"},
		"a test":           {"role_x_test.lua", head + "return Role\n", "the name must be like role_hello.lua"},
	} {
		t.Run(name, func(t *testing.T) {
			all, s := checks(t, map[string]string{tc.file: tc.text})
			if all[0].OK || !strings.Contains(strings.Join(all[0].Problems, "\n"), tc.want) {
				t.Errorf("%+v", all[0])
			}
			s.refusedWith(t, "1 of 1 files refused")
		})
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("a check touched the machine")
	}
	s := command(t, "role", "check", filepath.Join(t.TempDir(), "role_gone.lua"))
	if s.status != 1 || !strings.Contains(s.out, "role_gone.lua: refused\n  ") {
		t.Errorf("%+v", s)
	}
}

func TestCheckComparesWithWhatRuns(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_mine.lua": taking(`"process", "engine"`)})
	d.start()
	d.serving("role_mine.lua")
	all, s := checks(t, map[string]string{"role_mine.lua": taking(`"http:api.example.org", "engine"`)}, "--home", d.home)
	a := all[0]
	if s.status != 0 || a.Running != d.status().Roles[0].Version || !slices.Equal(a.Added, []string{"http:api.example.org"}) ||
		!slices.Equal(a.Dropped, []string{"process"}) || !slices.Equal(a.Withheld, []string{"http:api.example.org", "engine"}) {
		t.Errorf("%+v, %+v", s, a)
	}
	out := d.role("check", filepath.Join(d.roles(), "role_mine.lua")).ok(t)
	if !strings.Contains(out, "name      mine\n") || strings.Contains(out, "added") {
		t.Errorf("check:\n%s", out)
	}
}

func TestShippedGrantsAreReadAsTheParserReadsThem(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, luaroles.Files); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "role_*.lua"))
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.lua") })
	var all []inspected
	if err := json.Unmarshal([]byte(command(t, append([]string{"role", "check", "--json"}, files...)...).ok(t)), &all); err != nil {
		t.Fatal(err)
	}
	shipped, err := policy.Shipped(luaroles.Files)
	if err != nil || len(shipped) != len(all) || len(all) == 0 {
		t.Fatalf("%d roles, %q, %v", len(all), shipped, err)
	}
	for _, r := range all {
		r.Grants = slices.DeleteFunc(r.Grants, func(g string) bool { return g == "input" }) // which the operator alone allows
		if !slices.Equal(shipped[r.Name], r.Grants) {
			t.Errorf("%s declares %q; read as %q", r.Name, r.Grants, shipped[r.Name])
		}
	}
}

func TestCommandsRefuseWhatMakesNoSense(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.role("list").refusedWith(t, "no agent has run in")
	command(t, "role", "list").refusedWith(t, "no runtime tree is named")
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	d.role("allow", "mine", "proces").refusedWith(t, `no module asks for the grant "proces"`)
	d.role("allow", "mine").refusedWith(t, "name the grants")
	d.stop()
	s := d.role("list", "--json")
	if s.status != 0 || !strings.Contains(s.err, "does not run now") || !json.Valid([]byte(s.out)) {
		t.Errorf("%+v", s)
	}
}
