package policy

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// folder keeps files in memory.
type folder map[string]string

func (f folder) Read(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func (f folder) Write(name string, data []byte) error {
	f[name] = string(data)
	return nil
}

var ships = map[string][]string{"exec": {"process", "engine"}}

func TestGrants(t *testing.T) {
	for name, tc := range map[string]struct {
		policy, role      string
		declared          []string
		granted, withheld []string
	}{
		"a shipped role gets what it declares": {"", "exec", []string{"process", "engine"}, []string{"process", "engine"}, nil},
		"its edit gets no more":                {"", "exec", []string{"process", "fs"}, []string{"process"}, []string{"fs"}},
		"its edit may narrow":                  {"", "exec", []string{"process:sh"}, []string{"process:sh"}, nil},
		"its edit gets what is allowed":        {`roles.exec.allow = ["fs"]`, "exec", []string{"engine", "fs"}, []string{"engine", "fs"}, nil},
		"any other gets nothing":               {"", "mine", []string{"process"}, nil, []string{"process"}},
		"nothing declared, nothing withheld":   {"", "mine", nil, nil, nil},
		"what is allowed":                      {`roles.mine.allow = ["process"]`, "mine", []string{"process", "http:a"}, []string{"process"}, []string{"http:a"}},
		"allowed and not declared":             {`roles.mine.allow = ["process", "fs"]`, "mine", []string{"fs"}, []string{"fs"}, nil},
		"the whole covers a part":              {`roles.mine.allow = ["process"]`, "mine", []string{"process:uname"}, []string{"process:uname"}, nil},
		"a part does not cover the whole":      {`roles.mine.allow = ["process:uname"]`, "mine", []string{"process"}, nil, []string{"process"}},
		"a part covers no other part":          {`roles.mine.allow = ["process:uname"]`, "mine", []string{"process:uname2", "process:una"}, nil, []string{"process:uname2", "process:una"}},
		"a family covers its members":          {`roles.mine.allow = ["fs"]`, "mine", []string{"fs.read", "fs.write:/tmp"}, []string{"fs.read", "fs.write:/tmp"}, nil},
		"a path covers what lies below it":     {`roles.mine.allow = ["fs.read:/etc"]`, "mine", []string{"fs.read:/etc/hosts", "fs.read:/etcetera", "fs.write:/etc/hosts", "fs.read:/etc/../root"}, []string{"fs.read:/etc/hosts"}, []string{"fs.read:/etcetera", "fs.write:/etc/hosts", "fs.read:/etc/../root"}},
		"a member does not cover its family":   {`roles.mine.allow = ["fs.read"]`, "mine", []string{"fs", "fs.write"}, nil, []string{"fs", "fs.write"}},
		"a name's beginning covers nothing":    {`roles.mine.allow = ["http", ""]`, "mine", []string{"https", "httpx:a"}, nil, []string{"https", "httpx:a"}},
		"another role's allowance":             {`roles.other.allow = ["process"]`, "mine", []string{"process"}, nil, []string{"process"}},
		"names are told apart by case":         {`roles.Mine.allow = ["process"]`, "mine", []string{"process"}, nil, []string{"process"}},
		"all for all":                          {`allow_all = true`, "mine", []string{"process", "fs:/"}, []string{"process", "fs:/"}, nil},
		"all said to be false":                 {`allow_all = false`, "mine", []string{"process"}, nil, []string{"process"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Load(folder{File: tc.policy}, ships)
			if err != nil {
				t.Fatal(err)
			}
			granted, withheld := p.Grants(tc.role, tc.declared)
			if !slices.Equal(granted, tc.granted) || !slices.Equal(withheld, tc.withheld) {
				t.Errorf("granted %q, withheld %q", granted, withheld)
			}
		})
	}
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[roles.a]\nalow = []":             `policy.toml: line 2: unknown key "alow": did you mean "allow"?`,
		"\nallow_al = true":                `policy.toml: line 2: unknown key "allow_al": did you mean "allow_all"?`,
		"[role.a]\nallow = []":             `unknown key "role"`,
		"[roles.a]\nallow = [1]":           "policy.toml: line 2: ",
		"[roles.a]\nallow = \"process\"":   "policy.toml: line 2: ",
		"[roles.a]\nallow = [\"process\"":  "policy.toml: line ",
		"allow_all = true\nallow_all=true": "policy.toml: ",
	} {
		if _, err := Load(folder{File: text}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestWhatIsAllowedIsKept(t *testing.T) {
	files := folder{File: "allow_all = true\n[roles.old]\nallow = [\"fs\"]"}
	p, err := Load(files, ships)
	if err != nil {
		t.Fatal(err)
	}
	if added := p.Allow("mine", "process", "http:a", "process:uname", "process"); !slices.Equal(added, []string{"process", "http:a"}) {
		t.Errorf("added %q", added)
	}
	if added := p.Allow("old", "fs.read:/etc"); added != nil {
		t.Errorf("added %q, which was allowed", added)
	}
	if err := p.Save(files); err != nil {
		t.Fatal(err)
	}
	again, err := Load(files, ships)
	want := map[string][]string{"old": {"fs"}, "mine": {"http:a", "process"}}
	if err != nil || !again.AllowAll || !reflect.DeepEqual(again.roles, want) {
		t.Fatalf("%+v, %v from\n%s", again, err, files[File])
	}
}

func TestWhatWasAllowedIsTakenBack(t *testing.T) {
	for name, tc := range map[string]struct {
		role        string
		take        []string
		taken, left []string
	}{
		"all":                          {"mine", nil, []string{"fs.read:/etc", "http", "process:uname"}, nil},
		"one":                          {"mine", []string{"http"}, []string{"http"}, nil},
		"what it covers":               {"mine", []string{"fs", "process"}, []string{"fs.read:/etc", "process:uname"}, nil},
		"a part of what is allowed":    {"mine", []string{"fs.read:/etc/hosts", "http:a"}, nil, []string{"fs.read:/etc", "http"}},
		"what was never allowed":       {"mine", []string{"engine"}, nil, nil},
		"a role that nobody knows":     {"other", nil, nil, nil},
		"what a shipped role declares": {"exec", []string{"engine"}, nil, []string{"engine"}},
		"what it was given besides":    {"exec", nil, []string{"process:uname"}, []string{"process"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := folder{File: `roles.mine.allow = ["fs.read:/etc", "http", "process:uname"]` + "\n" + `roles.exec.allow = ["process:uname"]`}
			p, err := Load(files, ships)
			if err != nil {
				t.Fatal(err)
			}
			taken, left := p.Disallow(tc.role, tc.take...)
			if !slices.Equal(taken, tc.taken) || !slices.Equal(left, tc.left) {
				t.Errorf("taken %q, left %q", taken, left)
			}
			if err := p.Save(files); err != nil {
				t.Fatal(err)
			}
			again, err := Load(files, nil)
			if err != nil {
				t.Fatal(err)
			}
			if granted, _ := again.Grants(tc.role, tc.taken); len(granted) > 0 {
				t.Errorf("kept %q", granted)
			}
		})
	}
}

func TestTheFileIsFollowed(t *testing.T) {
	files := folder{}
	c := NewCurrent(files, ships, false)
	has := func(want bool) {
		t.Helper()
		if granted, _ := c.Grants("mine", []string{"process"}); want != (len(granted) == 1) {
			t.Errorf("granted %q from %q", granted, files[File])
		}
	}
	changed := func(want, broken bool) {
		t.Helper()
		if is, err := c.Changed(); is != want || broken != (err != nil) {
			t.Errorf("changed: %v, %v", is, err)
		}
	}
	has(false)
	changed(false, false)
	files[File] = `roles.mine.allow = ["process"]`
	has(true)
	changed(true, false)
	changed(false, false)
	files[File] = `roles.mine.allow = ["process"`
	has(true) // as it last could be understood
	changed(true, true)
	changed(false, true)
	files[File] = `roles.mine.allow = []`
	changed(true, false)
	has(false)
	delete(files, File)
	changed(true, false)
}

func TestABrokenFileAllowsNothingAtTheStart(t *testing.T) {
	c := NewCurrent(folder{File: "allow_all = truth"}, ships, false)
	if granted, withheld := c.Grants("mine", []string{"process"}); granted != nil || len(withheld) != 1 {
		t.Errorf("granted %q", granted)
	}
	if granted, _ := c.Grants("exec", []string{"process"}); len(granted) != 1 {
		t.Errorf("a shipped role is granted %q", granted)
	}
	if is, err := c.Changed(); !is || err == nil {
		t.Errorf("changed: %v, %v", is, err)
	}
}

// unreadable fails in a way that is no missing file.
type unreadable struct{ folder }

func (unreadable) Read(string) ([]byte, error) { return nil, errors.New("no way") }

func TestAnUnreadableFileAllowsNothing(t *testing.T) {
	c := NewCurrent(unreadable{}, ships, false)
	if granted, _ := c.Grants("mine", []string{"process"}); granted != nil {
		t.Errorf("granted %q", granted)
	}
	if is, err := c.Changed(); !is || err == nil {
		t.Errorf("changed: %v, %v", is, err)
	}
	if is, _ := c.Changed(); is {
		t.Error("the same trouble is told twice")
	}
	if _, err := Load(unreadable{}, ships); err == nil {
		t.Error("loaded")
	}
}

func TestAllForAllOverridesTheFile(t *testing.T) {
	files := folder{}
	c := NewCurrent(files, nil, true)
	for range 2 {
		if granted, _ := c.Grants("mine", []string{"process"}); len(granted) != 1 {
			t.Errorf("granted %q from %q", granted, files[File])
		}
		files[File] = "allow_all = false"
	}
}

func TestShippedLiteralsAreRead(t *testing.T) {
	got, err := Shipped(fstest.MapFS{
		"role_a.lua":      {Data: []byte("-- x\nROLE_NAME = \"a\"\nROLE_GRANTS = {\n  \"process:uname\",\n  \"fs\",\n}\n")},
		"role_b.lua":      {Data: []byte("ROLE_NAME=\"b\"\n")},
		"role_a_test.lua": {Data: []byte("ROLE_NAME = \"never\"\n")},
		"lib/x.lua":       {Data: []byte("ROLE_NAME = \"never\"\n")},
	})
	if want := map[string][]string{"a": {"process:uname", "fs"}, "b": nil}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Shipped(fstest.MapFS{"role_a.lua": {Data: []byte("x")}}); err == nil {
		t.Error("a file without a name is no role")
	}
}

// FuzzPolicy: whatever stands in the file, no role gets a grant that neither it nor its whole is written there.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`roles.mine.allow = ["process:uname"]`))
	f.Add([]byte("[roles.mine]\nallow = [\"fs\"]\n[roles.x]\n"))
	f.Add([]byte("allow_all = tru\x00e"))
	f.Fuzz(func(t *testing.T, text []byte) {
		files := folder{File: string(text)}
		p, err := Load(files, ships)
		if err != nil {
			return
		}
		granted, withheld := p.Grants("mine", []string{"process", "fs.read:/etc"})
		if len(granted)+len(withheld) != 2 || len(granted) > 0 && !strings.Contains(string(text), "allow") {
			t.Fatalf("granted %q, withheld %q", granted, withheld)
		}
		if err := p.Save(files); err != nil {
			t.Fatal(err)
		}
		again, err := Load(files, ships)
		if err != nil || again.AllowAll != p.AllowAll || len(again.roles) != len(p.roles) {
			t.Fatalf("%v from %q", err, files[File])
		}
	})
}
