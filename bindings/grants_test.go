package bindings

import (
	"errors"
	"strings"
	"testing"
)

func TestGrantsHas(t *testing.T) {
	for _, c := range []struct {
		name   string
		grants Grants
		asked  string
		want   bool
	}{
		{"harmless", nil, "", true},
		{"none held", nil, "fs", false},
		{"whole", Grants{"http"}, "http", true},
		{"narrowed", Grants{"http:api.example.org"}, "http", true},
		{"another", Grants{"process"}, "http", false},
		{"part of a family", Grants{"fs.read"}, "fs", true},
		{"narrowed part of a family", Grants{"fs.write:/etc/motd"}, "fs", true},
		{"the family is not its part", Grants{"fs"}, "fs.read", false},
		{"one part is not the other", Grants{"fs.read"}, "fs.write", false},
		{"a longer name is no part", Grants{"fsx.read", "fsx"}, "fs", false},
		{"a dot in what it is narrowed to", Grants{"process:fs.read"}, "fs", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.grants.Has(c.asked); got != c.want {
				t.Errorf("%q.Has(%q) = %v", c.grants, c.asked, got)
			}
		})
	}
}

func TestGrantsAllow(t *testing.T) {
	g := Grants{"http:api.example.org", "fs.read", "fs.write:/srv/data", "process:uname"}
	for _, ok := range [][2]string{
		{"http", "api.example.org"}, {"fs.read", "/etc/hosts"}, {"fs.write", "/srv/data"}, {"fs.write", "/srv/data/x"}, {"process", "uname"},
	} {
		if err := g.Allow(ok[0], ok[1]); err != nil {
			t.Errorf("Allow(%q): %v", ok, err)
		}
	}
	for _, no := range [][2]string{
		{"http", "example.org"},
		{"http", "sub.api.example.org"},
		{"fs", "/etc/hosts"},
		{"process", "uname2"},
		{"fs.write", "/etc/hosts"},
		{"fs.write", "/srv"},
		{"fs.write", "/srv/database"},
		{"fs.write", "/srv/data/../x"},
	} {
		var failed *Error
		if err := g.Allow(no[0], no[1]); !errors.As(err, &failed) || failed.Code != "denied" {
			t.Errorf("Allow(%q) = %v, want a denial", no, err)
		}
	}
}

func TestAGrantThatCoversNothing(t *testing.T) {
	for grant, instead := range map[string]string{
		"fs": "", "fs.read": "", "fs.write": "", "process:fs.raed": "", "http:relative": "",
		"fs.read:/etc/hosts": "", `fs.write:C:\Users`: "", "fs.read:c:/Users/": "",
		"fs:/srv":         `write "fs.read:/srv", or "fs.write:/srv"`,
		"fs.raed:/srv":    `write "fs.read" or "fs.write"`,
		"fs.read:":        "write an absolute path",
		"fs.read:reports": "write an absolute path",
		"fs.write:/a/../": "write an absolute path",
		"fs.write:C:x":    "write an absolute path",
	} {
		if got := GrantTrouble(grant); (got == "") != (instead == "") || !strings.Contains(got, instead) {
			t.Errorf("GrantTrouble(%q) = %q", grant, got)
		}
	}
}

func TestAGrantCoversAnother(t *testing.T) {
	for _, c := range []struct {
		s            Spelling
		wide, narrow string
		want         bool
	}{
		{Unix, "process", "process", true},
		{Unix, "process", "process:uname", true},
		{Unix, "process:uname", "process", false},
		{Unix, "process:uname", "process:uname2", false},
		{Unix, "process:uname", "process:Uname", false},
		{Unix, "process:/opt", "process:/opt/tool", false},
		{Unix, "fs", "fs.read:/etc", true},
		{Unix, "fs.read", "fs", false},
		{Unix, "fs.read", "fs.write:/etc", false},
		{Unix, "fs.read:/etc", "fs.read:/etc/hosts", true},
		{Unix, "fs.read:/etc/", "fs.read:/etc", true},
		{Unix, "fs.read:/etc", "fs.read:/etc/../root", false},
		{Unix, "fs.read:/etc", "fs.read:/etcetera", false},
		{Unix, "fs.read:/etc/hosts", "fs.read:/etc", false},
		{Unix, "fs.read:/etc", "fs.write:/etc/hosts", false},
		{Unix, "fs.read:/etc", "fs.read", false},
		{Unix, "fs.read:/", "fs.read:/etc", true},
		{Unix, "fs.read:x", "fs.read:x", true}, // it allows nothing, but is what it is
		{Unix, "http:api.example.org", "http:API.example.org", true},
		{Unix, "http:example.org", "http:api.example.org", false},
		{Unix, "http:", "http:api.example.org", false},
		{Unix, "", "process", false},
		{Unix, "engine:/api", "engine:/api/agent", false},
		{Unix, "http", "https", false},
		{Windows, `fs.read:C:\Data`, `fs.read:c:/data/x`, true},
		{Windows, `fs.read:C:\Data`, `fs.read:C:\Data\x:y`, false},
		{Windows, `process:PowerShell.exe`, `process:powershell`, true},
		{Windows, `process:C:\Tools\x.exe`, `process:c:/tools/X`, true},
		{Windows, `process:x.exe`, `process:x.com`, false},
	} {
		if got := c.s.grantCovers(c.wide, c.narrow); got != c.want {
			t.Errorf("%v: %q covers %q: %v", c.s, c.wide, c.narrow, got)
		}
	}
}
