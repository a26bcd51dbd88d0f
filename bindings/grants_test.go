package bindings

import (
	"errors"
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
	g := Grants{"http:api.example.org", "fs.read"}
	for _, ok := range [][2]string{{"http", "api.example.org"}, {"fs.read", "/etc/hosts"}} {
		if err := g.Allow(ok[0], ok[1]); err != nil {
			t.Errorf("Allow(%q): %v", ok, err)
		}
	}
	for _, no := range [][2]string{{"http", "example.org"}, {"fs.write", "/etc/hosts"}, {"fs", "/etc/hosts"}} {
		var failed *Error
		if err := g.Allow(no[0], no[1]); !errors.As(err, &failed) || failed.Code != "denied" {
			t.Errorf("Allow(%q) = %v, want a denial", no, err)
		}
	}
}
