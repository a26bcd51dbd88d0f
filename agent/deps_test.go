package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bunny-lab-io/borealis-agent"

// arrows is the table of docs/architecture.md, "Imports point one way": the rooms that each room may import, besides
// all that those may. A room that is not here may not exist; a new arrow comes with its line in that document.
var arrows = map[string][]string{
	"agent": {
		"agent/reload", "agent/gate", "agent/engine", "agent/tunnel", "agent/outbox", "agent/session/host", "agent/service",
		"agent/logs", "agent/control", "agent/memory", "agent/policy", "bindings/all", "luaroles",
	},
	"agent/reload":   {"agent/dispatch", "agent/role", "agent/reload/dacl"},
	"agent/dispatch": {"agent/wire"},
	"agent/role":     {"agent/ipc/contract", "agent/wire"},
	"agent/worker":   {"agent/world/trial", "agent/worker/lockdown", "agent/memory", "bindings/pure"},
	"agent/world":    {"agent/world/sandbox", "agent/ipc/contract", "agent/wire"},
	"agent/gate":     {"agent/identity", "agent/wire"},
	"agent/engine":   {"agent/identity", "agent/settings", "agent/socketio", "agent/wire"},
	"agent/tunnel":   {"agent/wire"},
	"agent/outbox":   {"agent/wire"},
	"agent/policy":   {"bindings"}, // what a grant covers is said once
	"agent/roletest": {"agent/world/trial", "bindings/all", "bindings/pure"},

	"agent/session/host": {"agent/session", "agent/ipc/contract"},

	"agent/ipc/contract":  {"agent/ipc", "bindings"},
	"agent/world/sandbox": {"agent/world/pattern"},
	"agent/world/trial":   {"agent/world", "bindings/hosttest"},

	"bindings/display":    {"bindings"}, // the screen, for those that look at it and type into it
	"bindings/screenshot": {"bindings", "bindings/display"},
	"bindings/desktop":    {"bindings", "bindings/display"},
	"bindings/input":      {"bindings", "bindings/display"},

	"bindings/display/displaytest": {"bindings/hosttest"},

	"agent/enginetest":          {"agent/socketio", "agent/wire"},
	"agent/session/sessiontest": {},
	"agent/tunnel/tunneltest":   {},
	"agent/worker/workertest":   {},
	"bindings/hosttest":         {"bindings"},

	"agent/worker/lockdown/probe":       {"agent/worker/lockdown"},
	"agent/worker/workertest/oldkernel": {},
	"agent/worker/workertest/hostile":   {"agent/ipc/contract", "agent/worker/lockdown"},

	// Leaves: they import nothing of ours.
	"agent/wire": {}, "agent/settings": {}, "agent/identity": {}, "agent/socketio": {}, "agent/ipc": {}, "agent/logs": {},
	"agent/control":     {},
	"agent/memory":      {},
	"agent/reload/dacl": {}, "agent/worker/lockdown": {}, "agent/service": {}, "agent/session": {}, "agent/world/pattern": {}, "bindings": {}, "luaroles": {},
}

// apart lists what must not be reached, over any number of imports, with the reason. The table above implies some of
// it; here it is said, and it holds for foreign packages too.
var apart = []struct{ from, to, why string }{
	{"agent", "golang.zx2c4.com/wireguard/tun/netstack", "the tunnel has a stack of its own, with no resolver of names"},
	{"agent", "agent/enginetest", "an Engine has no place in the shipped agent"},
	{"agent", "modernc.org/sqlite", "it is the embedded Engine's database, and five megabytes"},
	{"agent", "github.com/golang-jwt/jwt", "tokens are opaque to the agent: only an Engine makes and reads them"},
	{"agent", "github.com/yuin/gopher-lua", "the core never runs Lua, nor parses it: hostile files meet a worker first"},
	{"agent", "layeh.com/gopher-luar", "the core never runs Lua"},
	{"agent/worker", "net/http", "a worker has no network, and every worker pays for what it links"},
	{"agent/worker", "go.etcd.io/bbolt", "a worker has no file, and every worker pays for what it links"},
	{"agent/worker", "github.com/alecthomas/kong", "a worker has no command line, and every worker pays for what it links"},
	{"agent/worker", "testing", "test code has no place in the shipped worker"},
	{"agent/engine", "agent/role", "the way to the Engine knows no role"},
	{"agent/engine", "agent/dispatch", "the way to the Engine knows no role"},
	{"agent/dispatch", "agent/world", "the table of events knows no Lua"},
	{"agent/role", "agent/world", "the core talks to Lua through a worker only"},
	{"agent/world", "net/http", "a role's world has no network"},
	{"agent/socketio", module, "the protocol knows nothing of Borealis"},
}

// luaOnly are the packages that only the world may import.
var luaOnly = []string{"github.com/yuin/gopher-lua", "layeh.com/gopher-luar"}

// testRooms serve tests. Nothing that is shipped imports them; the exceptions have a reason.
var testRooms = map[string][]string{
	"agent/enginetest":          {"examples"},                       // the embedded Engine as a program of its own
	"agent/roletest":            {},                                 // it runs Lua, which the shipped agent may not: see apart
	"agent/world/trial":         {"agent/roletest", "agent/worker"}, // `role test` runs a role's tests where roles run
	"agent/worker/workertest":   {},
	"agent/session/sessiontest": {},
	"agent/tunnel/tunneltest":   {},

	"bindings/display/displaytest": {},
	"bindings/hosttest":            {"agent/world/trial", "bindings/display/displaytest"}, // the fake host of roles' tests
}

// pkg is what `go list` says about a package; its tests' imports do not count.
type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	Deps       []string
	Error      *struct{ Err string }
}

// room is the package's place in the module: "agent/wire".
func room(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

// under reports whether an import path is root or below it; root is a room, or a foreign package.
func under(importPath, root string) bool {
	importPath = strings.TrimPrefix(importPath, module+"/")
	return importPath == root || strings.HasPrefix(importPath, root+"/") || root == module && isOurs(importPath)
}

func isOurs(importPath string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(importPath, module+"/"), "/")
	return slices.Contains([]string{"agent", "bindings", "examples", "luaroles"}, first)
}

// reach is every room that r may import: its arrows, and theirs.
func reach(r string, seen map[string]bool) map[string]bool {
	for _, next := range mayImport(r) {
		if !seen[next] {
			seen[next] = true
			reach(next, seen)
		}
	}
	return seen
}

// mayImport is r's line of the table, with the rooms that come and go supplied by rule.
func mayImport(r string) []string {
	switch {
	case arrows[r] != nil:
		return arrows[r]
	case r == "bindings/all" || r == "bindings/pure":
		return []string{"bindings/*"}
	case path.Dir(r) == "bindings":
		return []string{"bindings"}
	}
	return nil
}

// isFree reports whether a room may import what it likes: examples and tools are read, not linked.
func isFree(r string) bool { return under(r, "examples") || under(r, "scripts") }

// problems checks packages against the tables.
func problems(pkgs []pkg) []string {
	var all []string
	for _, p := range pkgs {
		r := room(p.ImportPath)
		if p.Error != nil {
			all = append(all, fmt.Sprintf("%s: %s", r, p.Error.Err))
		}
		if !isFree(r) {
			all = append(all, strayImports(r, p.Imports)...)
		}
		for _, i := range p.Imports {
			if why := wrongly(r, i); why != "" {
				all = append(all, fmt.Sprintf("%s imports %s: %s", r, room(i), why))
			}
		}
		for _, a := range apart {
			if i := slices.IndexFunc(p.Deps, func(d string) bool { return under(d, a.to) }); r == a.from && i >= 0 {
				all = append(all, fmt.Sprintf("%s links %s: %s", r, room(p.Deps[i]), a.why))
			}
		}
	}
	return all
}

// strayImports are the imports of ours for which the table has no arrow.
func strayImports(r string, imports []string) []string {
	if mayImport(r) == nil {
		return []string{fmt.Sprintf("%s has no place in the table of agent/deps_test.go and docs/architecture.md", r)}
	}
	allowed := reach(r, map[string]bool{})
	var stray []string
	for _, i := range imports {
		to := room(i)
		if !isOurs(i) || allowed[to] || allowed["bindings/*"] && path.Dir(to) == "bindings" && to != "bindings/all" {
			continue
		}
		stray = append(stray, fmt.Sprintf("%s imports %s: there is no such arrow in docs/architecture.md", r, to))
	}
	return stray
}

// wrongly says why r may not import i by a rule that is no arrow.
func wrongly(r, i string) string {
	if slices.ContainsFunc(luaOnly, func(l string) bool { return under(i, l) }) && !under(r, "agent/world") {
		return "Lua is the world's own: nothing but agent/world and what is below it meets it"
	}
	if under(r, "bindings") && under(i, "agent") {
		return "a binding is plain Go that knows nothing of the agent"
	}
	if i == "testing" && !isFree(r) && testRooms[r] == nil {
		return "test code has no place in what is shipped" // xgb's own use of it is not ours to forbid
	}
	importers, isTest := testRooms[room(i)]
	if isTest && !slices.ContainsFunc(importers, func(t string) bool { return r == t || t == "examples" && under(r, t) }) {
		return "it serves tests"
	}
	return ""
}

// list asks `go list` for the module's packages as they are on one system.
func list(t *testing.T, goos string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports,Deps,Error", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &complaint)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		t.Run(goos, func(t *testing.T) {
			pkgs := list(t, goos)
			if len(pkgs) < 20 {
				t.Fatalf("go list knows %d packages only", len(pkgs))
			}
			for _, p := range problems(pkgs) {
				t.Error(p)
			}
		})
	}
}

func TestTheTableIsWithoutCircles(t *testing.T) {
	for r := range arrows {
		if reach(r, map[string]bool{})[r] {
			t.Errorf("%s reaches itself", r)
		}
	}
}

// The rules themselves are tried on packages that break them.
func TestWrongArrowsAreFound(t *testing.T) {
	ours := func(rooms ...string) (paths []string) {
		for _, r := range rooms {
			paths = append(paths, module+"/"+r)
		}
		return paths
	}
	for name, tc := range map[string]struct {
		p    pkg
		want string
	}{
		"a leaf imports":             {pkg{ImportPath: "agent/logs", Imports: ours("agent/wire")}, "agent/logs imports agent/wire"},
		"against the arrow":          {pkg{ImportPath: "agent/role", Imports: ours("agent/reload")}, "no such arrow"},
		"an unknown room":            {pkg{ImportPath: "agent/helpers"}, "no place in the table"},
		"a binding imports a room":   {pkg{ImportPath: "bindings/http", Imports: ours("agent/wire")}, "knows nothing of the agent"},
		"a binding imports another":  {pkg{ImportPath: "bindings/http", Imports: ours("bindings/json")}, "no such arrow"},
		"a list imports the other":   {pkg{ImportPath: "bindings/pure", Imports: ours("bindings/all")}, "no such arrow"},
		"a role meets Lua":           {pkg{ImportPath: "agent/role", Imports: []string{"github.com/yuin/gopher-lua/parse"}}, "Lua is the world's own"},
		"an example meets Lua":       {pkg{ImportPath: "examples/x", Imports: []string{"layeh.com/gopher-luar"}}, "Lua is the world's own"},
		"the agent has an Engine":    {pkg{ImportPath: "agent", Imports: ours("agent/enginetest")}, "it serves tests"},
		"a binding tests":            {pkg{ImportPath: "bindings/http", Imports: []string{"testing"}}, "test code has no place"},
		"the agent links SQLite":     {pkg{ImportPath: "agent", Deps: []string{"modernc.org/sqlite/lib"}}, "agent links modernc.org/sqlite/lib"},
		"the agent links JWT":        {pkg{ImportPath: "agent", Deps: []string{"github.com/golang-jwt/jwt/v5"}}, "tokens are opaque"},
		"a worker links HTTP":        {pkg{ImportPath: "agent/worker", Deps: []string{"net/http"}}, "has no network"},
		"the protocol knows us":      {pkg{ImportPath: "agent/socketio", Deps: ours("bindings")}, "knows nothing of Borealis"},
		"go list itself has trouble": {pkg{ImportPath: "agent/wire", Error: &struct{ Err string }{"no such file"}}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.p.ImportPath = module + "/" + tc.p.ImportPath
			got := problems([]pkg{tc.p})
			if !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, tc.want) }) {
				t.Errorf("got %q", got)
			}
		})
	}
}
