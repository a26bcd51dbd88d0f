//go:build unix

package service

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func machine() Service {
	return Service{
		Name: "borealis-agent", Title: "Borealis endpoint agent", Program: "/usr/local/lib/borealis-agent/borealis-agent",
		Args: []string{"service", "run", "--home", "/opt/borealis", "--system-service"}, Dir: "/opt/borealis",
	}
}

// odd is a service whose words mean something to shells, systemd or XML.
func odd() Service {
	s := machine()
	s.User, s.Program = true, "/bin/true"
	s.Args = []string{"a b", "", `q"q`, "'", `back\slash`, "100%n", "$HOME", "<&>", "zażółć", ";"}
	return s
}

func TestDefinitions(t *testing.T) {
	onWindows := func(s Service) (string, error) { return s.task("S-1-5-21-1-2-3-1001") }
	for file, tc := range map[string]struct {
		s    Service
		text func(Service) (string, error)
	}{
		"machine.service": {machine(), Service.unit},
		"odd.service":     {odd(), Service.unit},
		"machine.plist":   {machine(), Service.plist},
		"odd.plist":       {odd(), Service.plist},
		"odd.task.xml":    {odd(), onWindows},
	} {
		t.Run(file, func(t *testing.T) {
			got, err := tc.text(tc.s)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is another now; -update rewrites it:\n%s", path, got)
			}
		})
	}
}

func TestWhatNoDefinitionTakesIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Service){
		"no name":           func(s *Service) { s.Name = "" },
		"a path for a name": func(s *Service) { s.Name = "../x" },
		"a relative path":   func(s *Service) { s.Program = "borealis-agent" },
		"a second line":     func(s *Service) { s.Args = []string{"a\nExecStart=/bin/sh"} },
		"a title's line":    func(s *Service) { s.Title = "x\n[Service]" },
	} {
		t.Run(name, func(t *testing.T) {
			s := machine()
			spoil(&s)
			for _, text := range []func() (string, error){s.unit, s.plist, func() (string, error) { return s.task("S-1-5-18") }} {
				if got, err := text(); err == nil {
					t.Errorf("got %q", got)
				}
			}
		})
	}
}

// TestThePlistIsRead has another parser read the property list.
func TestThePlistIsRead(t *testing.T) {
	text, err := odd().plist()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Label            string
		ProgramArguments []string
		KeepAlive        bool
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	want := append([]string{"/bin/true"}, odd().Args...)
	if got.Label != "borealis-agent" || !got.KeepAlive || !slices.Equal(got.ProgramArguments, want) {
		t.Errorf("got %+v, want the words %q", got, want)
	}
}

func TestTheTaskIsXML(t *testing.T) {
	text, err := odd().task("S-1-5-21-1-2-3-1001")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		User      string `xml:"Principals>Principal>UserId"`
		Command   string `xml:"Actions>Exec>Command"`
		Arguments string `xml:"Actions>Exec>Arguments"`
	}
	dec := xml.NewDecoder(bytes.NewReader([]byte(strings.Replace(text, "UTF-16", "UTF-8", 1))))
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.User != "S-1-5-21-1-2-3-1001" || got.Command != "/bin/true" || !strings.HasPrefix(got.Arguments, `"a b" "" "q\"q" `) {
		t.Errorf("got %+v", got)
	}
}
