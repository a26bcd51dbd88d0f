package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"golang.org/x/tools/txtar"
)

// An offence is one hostile or clumsy role. In testdata/corpus, a name that ends in .lua is that of a whole file; any
// other is that of a handler's body. The first line, after "--! ", says what must become of it:
//
//	refused TEXT      it never serves; the reason holds the text
//	elsewhere         it is for another context, and never executed
//	fails TEXT        it goes on serving; what ran has failed, with a reason in the log that holds the text
//	serves            it goes on serving; its handler came to its end
//	says TEXT         it goes on serving; its log holds the text
//	answers TEXT      it goes on serving; the Engine gets a result that holds the text
//	dies TEXT         its worker is ended, for a reason that holds the text, and it is started again
//	quarantined TEXT  the same, until it is not started again
//
// "serves or fails X" stands for either. Refusals and failures must name the role's file and a line. The second line,
// after "--> ", may say how it is brought to offend; see commit. In sources, "offender" is the role's name and "poke"
// its event; /canary is the directory, and http://canary the server, that are not its to touch.
type offence struct {
	kind, name string
	text       string
	want, how  string
	whole      bool // a file, not a handler's body

	verdict
	failed   bool
	attempts int
}

// verdict is what status.json says of a role's file.
type verdict struct{ state, reason string }

func (o *offence) roleName() string { return o.kind + "_" + o.name }
func (o *offence) file() string     { return "role_" + o.roleName() + ".lua" }
func (o *offence) event() string    { return "poke_" + o.roleName() }

// wrapped is a handler's body in a role that tells when it came to its end.
const wrapped = `ROLE_NAME = "offender"
ROLE_CONTEXTS = { "system" }
local Role = {}
local function offend(self, ev)
%s
end
function Role:register_events(events)
  events:on("poke", function(ev)
    offend(self, ev)
    log.info("came to its end")
  end)
end
return Role
`

func (o *offence) source(c *court) string {
	text := o.text
	if !o.whole {
		text = fmt.Sprintf(wrapped, text)
	}
	return strings.NewReplacer(`"offender"`, `"`+o.roleName()+`"`, `"poke"`, `"`+o.event()+`"`,
		"http://canary", c.web, "/canary", c.canary).Replace(text)
}

// commit brings an offender that serves to offend.
func (o *offence) commit(c *court) {
	path := filepath.Join(c.roles(), o.file())
	switch o.how {
	case "":
		c.emit(o.event(), map[string]any{"text": "hello"})
	case "two thousand events":
		for i := range 2000 {
			if c.emit(o.event(), map[string]any{"n": i}); i%100 == 99 {
				c.breathe()
			}
		}
	case "twelve hundred jobs":
		for i := range 1200 {
			if c.send(enginetest.Job{Script: []byte("true")}); i%100 == 99 {
				c.breathe()
			}
		}
	case "configure":
		c.emit("agent_config", map[string]any{"roles": []any{map[string]any{"role": o.roleName()}}})
	case "save":
		c.save(o.file(), o.source(c)+"-- saved again\n")
	case "remove":
		if err := os.Remove(path); err != nil {
			c.t.Fatal(err)
		}
	default:
		c.t.Fatalf("%s: no way to offend is called %q", o.roleName(), o.how)
	}
}

// loads reports whether the file has been decided about.
func (o *offence) loads(c *court) bool {
	if o.state == "refused" && !strings.Contains(o.want, "refused") || o.state == "running" && o.only("refused") {
		o.wrong(c, "is "+o.state)
	}
	return o.state != "" && o.state != "loading"
}

// wants are the ends that are expected, one of which must come.
func (o *offence) wants() (ends []string) {
	for _, one := range strings.Split(o.want, " or ") {
		if word, _, _ := strings.Cut(one, " "); len(ends) > 0 && !endWord.MatchString(word) {
			ends[len(ends)-1] += " or " + one // it was the reason's own
			continue
		}
		ends = append(ends, one)
	}
	return ends
}

var endWord = regexp.MustCompile(`^(refused|elsewhere|fails|serves|says|answers|dies|quarantined|error|ends|deadline|interrupted|kernel)$`)

func (o *offence) only(end string) bool {
	return !slices.ContainsFunc(o.wants(), func(one string) bool { return !strings.HasPrefix(one, end) })
}

// ended reports whether one of the expected ends has come. On a busy machine a budget of time may come first: then the
// offender may try again. A quarantine wants it to.
func (o *offence) ended(c *court) bool {
	for _, one := range o.wants() {
		end, text, _ := strings.Cut(one, " ")
		if o.met(c, end, text) {
			return true
		}
	}
	early := o.count(c, " failed", "ran for too long") + o.count(c, " failed", "too much memory") + o.count(c, "role died")
	if (o.how == "" || o.how == "configure") && early > o.attempts && o.state == "running" && o.count(c, "role serves") > o.count(c, "role died") {
		o.attempts = early
		o.commit(c)
	}
	return false
}

func (o *offence) met(c *court, end, text string) bool {
	serves := o.state == "running" || o.how == "remove"
	place := o.file() + ":"
	switch end {
	case "refused":
		return o.state == "refused" && strings.Contains(o.reason, text) && o.named(c, o.reason)
	case "elsewhere":
		return o.state == "other_context"
	case "fails":
		return serves && o.count(c, " failed", text, place) > 0
	case "serves":
		return serves && o.count(c, "came to its end", "", "") > 0
	case "says":
		return serves && o.count(c, "", text, "") > 0
	case "answers":
		return serves && slices.ContainsFunc(c.engine.Events(), func(ev enginetest.Received) bool {
			return strings.Contains(string(ev.Data), text)
		})
	case "dies":
		return o.count(c, "role died", text, "") > 0 && o.state == "running"
	case "quarantined":
		return o.state == "quarantined" && strings.Contains(o.reason, text)
	}
	c.t.Fatalf("%s: no end is called %q", o.roleName(), end)
	return false
}

// count counts the lines of the role's log that hold all of these.
func (o *offence) count(c *court, texts ...string) (n int) {
	for _, line := range c.lines[o.roleName()] {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			n++
		}
	}
	return n
}

var helper = regexp.MustCompile(`^lib/[a-z]+\.lua:\d+: `)

var lineNumber = regexp.MustCompile(`^:\d+: `)

// named checks that a refusal names the file, and the line unless the trouble is with the file as a whole.
func (o *offence) named(c *court, reason string) bool {
	rest, ok := strings.CutPrefix(reason, o.file())
	if helper.MatchString(reason) {
		return true
	}
	if !ok || !lineNumber.MatchString(rest) && !wholeFile.MatchString(rest) {
		o.wrong(c, "the refusal does not say where")
	}
	return true
}

var wholeFile = regexp.MustCompile(`^: (larger than|requires|ROLE_NAME|ROLE_GRANTS|returns|Role\.new|the file)`)

// kind is offences of one kind.
type kind struct {
	name     string
	offences []*offence
}

// session is the kinds that are tried in one agent: they share out the time that an agent takes to enroll.
type session struct {
	name  string
	kinds []kind
}

// courts shares the kinds out. Those whose offenders wait for long come first.
func courts(t *testing.T, kinds []kind) (all []session) {
	t.Helper()
	for _, group := range [][]string{
		{"quarantine"},
		{"budgets", "loops", "memory", "hooks"},
		{"sandbox", "sandbox_loops", "sandbox_swallow", "sandbox_memory", "sandbox_patterns", "sandbox_stacks", "sandbox_escapes"},
		{"noise", "logs", "floods"},
		{"files", "types", "parser", "cut"},
		{"calls", "errors", "escapes", "grants", "patterns", "threads"},
	} {
		s := session{name: group[0]}
		for _, name := range group {
			if i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name }); i >= 0 {
				s.kinds = append(s.kinds, kinds[i])
				kinds = slices.Delete(slices.Clone(kinds), i, i+1)
			}
		}
		all = append(all, s)
	}
	if len(kinds) > 0 {
		all = append(all, session{"others", kinds})
	}
	return all
}

// corpus is every offence there is: our own, those that no one would write down, and what is kept for the sandbox alone.
func corpus(t *testing.T) (kinds []kind) {
	t.Helper()
	for _, path := range glob(t, "testdata/corpus/*.txtar") {
		kinds = append(kinds, read(t, path, "", func(o *offence) {}))
	}
	kinds = append(kinds, kind{"parser", parserBombs()}, kind{"cut", cuts(t)})
	for _, path := range glob(t, "world/sandbox/testdata/hostile/*.txtar") {
		kinds = append(kinds, read(t, path, "sandbox_", fromSandbox))
	}
	for _, k := range kinds {
		if len(k.offences) == 0 {
			t.Fatalf("%s: no cases", k.name)
		}
	}
	return kinds
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	return paths
}

func read(t *testing.T, path, prefix string, adapt func(*offence)) kind {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k := kind{name: prefix + strings.TrimSuffix(filepath.Base(path), ".txtar")}
	for _, f := range archive.Files {
		o := &offence{kind: k.name, text: string(f.Data)}
		o.name, o.whole = strings.CutSuffix(f.Name, ".lua")
		want, rest, _ := strings.Cut(o.text, "\n")
		how, _, _ := strings.Cut(rest, "\n")
		o.want = strings.TrimPrefix(want, "--! ")
		if strings.HasPrefix(how, "--> ") {
			o.how = strings.TrimPrefix(how, "--> ")
		}
		adapt(o)
		k.offences = append(k.offences, o)
	}
	return k
}

// fromSandbox says what becomes of the sandbox's own hostile scripts as handlers of a role. There they meet the
// sandbox alone; here the budgets and the kernel stand behind it.
func fromSandbox(o *offence) {
	if special := map[string]string{
		"require_path":     "refused requires",
		"require_absolute": "refused requires",
		"require_library":  "refused requires",
		"require_dots":     "refused requires",
		"role_name_other":  "refused belongs to the top level",
	}[o.name]; special != "" {
		o.want = special
		return
	}
	var ends []string
	for _, one := range o.wants() {
		how, text, _ := strings.Cut(one, " ")
		switch how {
		case "error":
			ends = append(ends, strings.TrimSpace("fails "+text))
		case "ends":
			ends = append(ends, "serves")
		case "deadline":
			ends = append(ends, "fails ran for too long")
		case "interrupted", "kernel":
			ends = append(ends, "fails", "dies")
		default:
			ends = append(ends, one)
		}
	}
	if o.kind == "sandbox_memory" && !strings.Contains(o.want, "ends") {
		ends = append(ends, "fails too much memory", "dies")
	}
	o.want = strings.Join(ends, " or ")
}
