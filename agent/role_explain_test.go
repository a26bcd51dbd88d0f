package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// play is what role explain --json prints.
type play struct {
	Event   string
	OK      bool
	Load    []played `json:"while_loading"`
	Calls   []played
	Problem *wrong
}

type played struct {
	Call, Fate string
	Args       []any
	Answer     any
}

// explains explains a role's handlers of the event "go".
func explains(t *testing.T, role, data string) (play, said) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"role_x.lua": role, "go.json": `{"event": "go", "data": ` + data + `}`})
	s := command(t, "role", "explain", filepath.Join(dir, "role_x.lua"), "--json", "--event", filepath.Join(dir, "go.json"))
	var p play
	if err := json.Unmarshal([]byte(s.out), &p); err != nil {
		t.Fatalf("%v: %+v", err, s)
	}
	return p, s
}

func TestExplainReadsAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"there.txt": "old"})
	there, made := filepath.Join(dir, "there.txt"), filepath.Join(dir, "made.txt")
	role := strings.Replace(handling(`
    local text = assert(fs.read(`+strconv.Quote(there)+`))
    assert(fs.write(`+strconv.Quote(made)+`, text))
    assert(fs.remove(`+strconv.Quote(there)+`))
    local done = assert(process.run({ "touch", `+strconv.Quote(made)+` }, { timeout = 5 }))
    assert(done.exit_code == 0 and done.stdout == "")
    assert(not fs.read(`+strconv.Quote(filepath.Join(filepath.Dir(dir), "x"))+`))
    local denied, _, code = process.run({ "rm", "-rf", "/" })
    local child = assert(process.start({ "touch" }))
    assert(child:write("not a program"))
    while child:read() do end
    local answer = assert(http.get("https://example.org/x"))
    timer.after(5, function() end)
    assert(store.set("k", text) and store.get("k") == nil)
    assert(engine.emit("a", { text = text, code = code, status = answer.status, n = ev.n }))
`), `{ "engine", "process" }`, `{ "engine", "process:touch", `+strconv.Quote("fs.read:"+dir)+", "+strconv.Quote("fs.write:"+dir)+`, "http" }`, 1)
	p, s := explains(t, role, `{"n": 7}`)
	if !p.OK || s.status != 0 || p.Event != "go" {
		t.Fatalf("%+v %+v", p, p.Problem)
	}
	want := "read fs.read, stopped fs.write, stopped fs.remove, stopped process.run, denied fs.read, denied process.run, stopped process.start, " +
		"stopped process.Child:write, stopped process.Child:read, stopped http.get, stopped timer.after, stopped store.set, stopped store.get, stopped engine.emit"
	var got []string
	for _, c := range p.Calls {
		got = append(got, c.Fate+" "+c.Call)
	}
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	sent, _ := p.Calls[len(p.Calls)-1].Args[1].(map[string]any)
	if sent["text"] != "old" || sent["code"] != "denied" || sent["status"] != 200.0 || sent["n"] != 7.0 {
		t.Errorf("sent %+v", sent)
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "old" {
		t.Errorf("a file was changed: %q, %v", text, err)
	}
	if _, err := os.Stat(made); err == nil {
		t.Error("a file was made")
	}
}

func TestExplainTellsWhyAHandlerFails(t *testing.T) {
	p, s := explains(t, handling("return ev.a.b"), "{}")
	if p.OK || p.Problem == nil || p.Problem.Line != 7 || p.Problem.Mend == "" {
		t.Errorf("%+v %+v", p, p.Problem)
	}
	s.refusedWith(t, "the handler failed")
}

func TestExplainServesEveryContext(t *testing.T) {
	role := strings.Replace(handling(`engine.emit("a", { context = "\27[2J" })`), `{ "system" }`, `{ "interactive" }`, 1)
	if p, _ := explains(t, role, "{}"); !p.OK || len(p.Calls) != 1 {
		t.Errorf("%+v", p)
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"role_x.lua": role, "go.json": `{"event": "go"}`, "no.json": `{"event": "no"}`, "odd.json": `{"evnt": "go"}`, "none.json": `{}`})
	explain := func(event string) said {
		return command(t, "role", "explain", filepath.Join(dir, "role_x.lua"), "--event", filepath.Join(dir, event))
	}
	if out := explain("go.json").ok(t); strings.Contains(out, "\x1b") || !strings.Contains(out, `would   engine.emit("a", { context = "\x1b[2J" })`) {
		t.Errorf("%q", out)
	}
	explain("no.json").refusedWith(t, `does not ask for the event "no"; it asks for ["go"]`)
	explain("odd.json").refusedWith(t, "evnt")
	explain("none.json").refusedWith(t, "no event is named")
	explain("gone.json").refusedWith(t, "gone.json")
}
