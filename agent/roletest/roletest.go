// Package roletest finds the tests that stand beside roles and runs them as subtests of go test. What a test means is
// agent/world/trial's; this package only finds files. Tests need no machine, no Engine and no worker.
package roletest

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/world/trial"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
	"github.com/bunny-lab-io/borealis-agent/bindings/pure"
)

const suffix = "_test.lua"

// Run runs every role_X_test.lua of a directory against its role_X.lua; a role without tests fails.
func Run(t *testing.T, dir fs.FS) {
	files, err := fs.Glob(dir, "*.lua")
	if err != nil {
		t.Fatal(err)
	}
	libs := helpers(t, dir)
	for _, file := range files {
		if strings.HasSuffix(file, suffix) {
			continue
		}
		t.Run(file, func(t *testing.T) { role(t, dir, file, libs) })
	}
}

func role(t *testing.T, dir fs.FS, file string, libs []contract.Source) {
	s := trial.Suite{
		Role: read(t, dir, file), Tests: read(t, dir, strings.TrimSuffix(file, ".lua")+suffix), Libs: libs,
		Bindings: carried(all.List()), Pure: pure.List(),
	}
	names, err := s.Names()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatalf("%s holds no function test_...", s.Tests.File)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Run(name, t.TempDir()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Example runs a piece of a face's documentation as the body of a role's handler: it must not raise. Files and programs
// are real, below a directory of its own, and so are measurements of the machine; the network is not.
func Example(t *testing.T, b bindings.Binding, code string) {
	s := trial.Suite{
		Role:     contract.Source{File: "role_example.lua", Text: []byte(exampleRole(b, code))},
		Tests:    contract.Source{File: "example_test.lua", Text: []byte(exampleTest(b))},
		Bindings: carried(all.List()), Pure: pure.List(), Real: []string{"desktop", "fs", "input", "process", "rdp", "screenshot", "system", "tunnel"},
	}
	if _, err := s.Run("test_example", t.TempDir()); err != nil {
		t.Error(err)
	}
}

func exampleRole(b bindings.Binding, code string) string {
	grants := ""
	if b.Grant != "" {
		grants = `ROLE_GRANTS = { "` + b.Grant + `" }`
	}
	return `ROLE_NAME = "example" ROLE_CONTEXTS = { "system" } ` + grants + ` local Role = {}
function Role:register_events(events) events:on("example", function(event) ` + code + `
end) end
return Role`
}

func exampleTest(b bindings.Binding) string {
	stubs := ""
	if b.Name == "http" {
		stubs = `for _, f in ipairs({ "get", "post", "request" }) do
			t.stub("http." .. f, function() return { status = 200, headers = {}, body = "{}", url = "" } end)
		end`
	}
	return "function test_example(t) " + stubs + ` t.deliver("example", {}) t.clock(3600) end`
}

func carried(list []bindings.Binding) []bindings.Binding {
	var core []bindings.Binding
	for _, b := range list {
		if !b.Pure {
			core = append(core, b)
		}
	}
	return core
}

// helpers are all of lib/, however deep.
func helpers(t *testing.T, dir fs.FS) []contract.Source {
	var libs []contract.Source
	err := fs.WalkDir(dir, "lib", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".lua" {
			return nil
		}
		libs = append(libs, read(t, dir, name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return libs
}

func read(t *testing.T, dir fs.FS, file string) contract.Source {
	t.Helper()
	text, err := fs.ReadFile(dir, file)
	if err != nil {
		t.Fatalf("every role has its test beside it: %v", err)
	}
	return contract.Source{File: file, Text: text}
}
