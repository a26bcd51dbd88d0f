package main_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// canaries are secrets that must be in no log and no output, by what they are.
type canaries struct {
	mu    sync.Mutex
	known map[string]string
}

func (c *canaries) add(what, secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if secret != "" {
		c.known[secret] = what
	}
}

// sung lists the canaries that are in a text.
func (c *canaries) sung(text string) (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for secret, what := range c.known {
		if strings.Contains(text, secret) {
			all = append(all, what)
		}
	}
	return all
}

// listen takes the tokens as they pass the Engine, and has every call answered as a careless proxy would: with the
// request's own header in the error.
func (c *canaries) listen(e *enginetest.Engine) {
	e.Fault("/api/agent/token/refresh", func(_ http.ResponseWriter, r *http.Request) bool {
		text, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(text))
		var body struct {
			RefreshToken string `json:"refresh_token"`
		}
		if err == nil && json.Unmarshal(text, &body) == nil {
			c.add("refresh token", body.RefreshToken)
		}
		return false
	})
	e.Fault("/api/agent/heartbeat", func(w http.ResponseWriter, r *http.Request) bool {
		bearer := r.Header.Get("Authorization")
		c.add("access token", strings.TrimPrefix(bearer, "Bearer "))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadGateway)
		json.NewEncoder(w).Encode(map[string]string{"error": "bad_gateway", "detail": "your header was " + bearer})
		return true
	})
}

func (c *canaries) knows(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(slices.Collect(maps.Values(c.known)), what)
}

// leaky is a role whose author logs what he gets.
const leaky = `ROLE_NAME = "leaky"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine" }
local Role = {}
function Role:register_events(events)
  events:on("quick_job_run", function(job)
    log.info("job\n2026-02-03T10:11:12.000+01:00-agent-forged level=ERROR", { password = job.environment.password, environment = job.environment })
    log.error("\27[2J\27]0;owned\7 \226\128\174 rtl \226\129\166 " .. job.script_name)
    engine.emit("quick_job_result", { job_id = job.job_id, status = "Success", stdout = job.environment.password, stderr = "" })
  end)
end
return Role
`

func TestNoSecretIsInAnyLogAndNoLineIsForged(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	c := &canaries{known: map[string]string{e.Code(): "enrollment code"}}
	c.listen(e)
	d := newDevice(t, e, nil)
	d.settingsFile("agent_settings.json", `{"installer_code":"`+e.Code()+`"}`)
	d.settingsFile("server_url.txt", e.URL())
	d.start("--verbose")
	d.serving("role_ScriptExec_SYSTEM.lua")
	if key, err := os.ReadFile(d.root + ".seal"); err != nil {
		t.Fatal(err)
	} else {
		c.add("seal key", string(bytes.TrimSpace(key)))
		c.add("seal key in hex", hex.EncodeToString(key))
	}
	c.add("private key", "PRIVATE KEY")
	d.until("both tokens", func() bool {
		d.ask("doctor") // it makes the Engine see the refresh token
		return c.knows("access token") && c.knows("refresh token")
	})
	variable := map[string]string{"variable": "c4n4ry-variable", "script": "c4n4ry-script", "credential": "c4n4ry-credential", "other": "c4n4ry \"other\" <1>"}
	for what, secret := range variable {
		c.add(what, secret)
	}
	job := enginetest.Job{
		ScriptName: "evil\nname\x1b[31m\u202e", Script: []byte("echo " + variable["script"] + " $password; exit 3"),
		Environment: map[string]string{"password": variable["variable"], "API_TOKEN": variable["credential"], "MY_SITE": variable["other"]},
		Variables:   []enginetest.Variable{{Name: "site", Type: "credential", Value: variable["credential"]}, {Name: "my-site", Type: "credential"}},
	}
	d.run(job)
	d.save("role_leaky.lua", leaky)
	d.serving("role_leaky.lua")
	d.run(job)
	d.until("the role's words", func() bool { return strings.Contains(d.log.String(), "owned") })
	job.Tamper = func(p map[string]any) { p["signature"] = p["script_content"] }
	d.run(job) // a refused one
	if err := e.Emit("", "evil\n2026-02-03T10:11:12.000+01:00-agent-forged\x1b[2J\u2066", map[string]any{"password": variable["variable"]}); err != nil {
		t.Fatal(err)
	}
	outputs := map[string]string{}
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"doctor"}, {"doctor", "--json"}, {"role", "list"}, {"role", "history", "leaky"}} {
		said := d.ask(args...)
		outputs[strings.Join(args, " ")] = said.out + said.err
	}
	d.stop()
	outputs["stderr of the agent"] = d.log.String()
	outputs["status.json"] = string(d.read("Agent", "Borealis", "Settings", "status.json"))
	logged := logFiles(t, filepath.Join(d.home, "Agent", "Logs"))
	for _, name := range []string{"agent.log", "agent.error.log", "leaky.log", "install.log"} {
		if logged[name] == "" {
			t.Errorf("there is no %s: %v", name, logged)
		}
	}
	for name, text := range logged {
		outputs[name] = text
		orderly(t, name, text)
	}
	if !strings.Contains(logged["leaky.log"], "password=***") {
		t.Errorf("nothing is masked: %s", logged["leaky.log"])
	}
	for name, text := range outputs {
		if sung := c.sung(text); len(sung) > 0 {
			t.Errorf("%s tells of: %s\n%s", name, sung, text)
		}
	}
}

func (d *device) read(elem ...string) []byte {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{d.home}, elem...)...))
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

// logFiles reads everything below a folder, by its name there.
func logFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(os.DirFS(dir), path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var wholeLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d-([A-Za-z0-9_/-]+?)-\S`)

// orderly checks that each line of a log is one that the agent wrote as such: stamp, the log's own service, text that
// moves no cursor.
func orderly(t *testing.T, name, text string) {
	t.Helper()
	service, _, _ := strings.Cut(name, ".")
	for line := range strings.Lines(text) {
		line, whole := strings.CutSuffix(line, "\n")
		m := wholeLine.FindStringSubmatch(line)
		if !whole || m == nil || m[1] != service && name != "agent.error.log" || strings.HasPrefix(line[len(m[0])-1:], "forged") {
			t.Errorf("%s: %q is no line of %s", name, line, service)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(line) {
			t.Errorf("%s: %q survives", name, line)
		}
	}
}
