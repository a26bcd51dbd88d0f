package bindings

import (
	"strings"
	"testing"
)

func TestASpellingIsAcceptedOrNot(t *testing.T) {
	for _, c := range []struct {
		s           Spelling
		path, clean string
	}{
		{Unix, "/etc/hosts", "/etc/hosts"},
		{Unix, "//etc/./hosts/", "/etc/hosts"},
		{Unix, "/", "/"},
		{Unix, `/a\b: c. `, `/a\b: c. `},
		{Unix, "/...", "/..."},
		{Unix, "/etc/../root", ""},
		{Unix, "/etc/..", ""},
		{Unix, "/a\x00b", ""},
		{Unix, "etc", ""},
		{Unix, "", ""},
		{Unix, `C:\x`, ""},
		{Unix, "/" + strings.Repeat("x", maxPath), ""},
		{Windows, `C:\Data\x.txt`, `C:\Data\x.txt`},
		{Windows, `c:/Data//x/./y\`, `c:\Data\x\y`},
		{Windows, `C:\`, `C:\`},
		{Windows, `C:\.hidden\a~b\~1\long name~12.text`, `C:\.hidden\a~b\~1\long name~12.text`},
		{Windows, `C:\console\com10\nulls\lpt`, `C:\console\com10\nulls\lpt`},
		{Windows, `C:`, ""},
		{Windows, `C:x`, ""},
		{Windows, `x`, ""},
		{Windows, `\x`, ""},
		{Windows, `/x`, ""},
		{Windows, `\\server\share\x`, ""},
		{Windows, `//server/share/x`, ""},
		{Windows, `\\?\C:\x`, ""},
		{Windows, `\\.\PhysicalDrive0`, ""},
		{Windows, `\??\C:\x`, ""},
		{Windows, `1:\x`, ""},
		{Windows, `C:\a\..\b`, ""},
		{Windows, `C:/a/../b`, ""},
		{Windows, `C:\x:stream`, ""},
		{Windows, `C:\x::$DATA`, ""},
		{Windows, `C:\x.`, ""},
		{Windows, `C:\x \y`, ""},
		{Windows, `C:\...\y`, ""},
		{Windows, `C:\PROGRA~1\x`, ""},
		{Windows, `C:\a\LONGFI~2.TXT`, ""},
		{Windows, `C:\a\NUL`, ""},
		{Windows, `C:\a\nul.txt`, ""},
		{Windows, `C:\CON\x`, ""},
		{Windows, `C:\com1 .log`, ""},
		{Windows, `C:\Lpt³`, ""},
		{Windows, `C:\conin$`, ""},
		{Windows, `C:\a?b`, ""},
		{Windows, `C:\a*`, ""},
		{Windows, "C:\\a\tb", ""},
		{Windows, "C:\\\xed\xa0\x80", ""},
	} {
		if got := c.s.Clean(c.path); got != c.clean {
			t.Errorf("%v %.40q: %q, want %q", c.s, c.path, got, c.clean)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		s         Spelling
		dir, path string
		want      bool
	}{
		{Unix, "/etc", "/etc", true},
		{Unix, "/etc/", "/etc/hosts", true},
		{Unix, "/", "/etc", true},
		{Unix, "/etc", "/etcetera", false},
		{Unix, "/etc/hosts", "/etc", false},
		{Unix, "/Etc", "/etc/hosts", false},
		{Unix, "/etc", "/etc/../root", false},
		{Unix, "/etc/../root", "/root/x", false},
		{Unix, "etc", "etc/hosts", false},
		{Windows, `C:\Data`, `c:/data/X`, true},
		{Windows, `C:\`, `c:\x`, true},
		{Windows, `C:\Zażółć`, `C:\ZAŻÓŁĆ\x`, true},
		{Windows, `C:\Data`, `C:\Database`, false},
		{Windows, `C:\Data`, `D:\Data\x`, false},
		{Windows, `C:\k`, "C:\\\u212a", false},           // the sign of Kelvin is another name
		{Windows, `C:\i`, `C:\ı`, false},                 // and so is a letter without its dot
		{Windows, `C:\s`, `C:\ſ`, false},                 // or of another age
		{Windows, `C:\Data`, `C:\Data\x:y`, false},       // a stream
		{Windows, `C:\PROGRA~1`, `C:\PROGRA~1\x`, false}, // whatever it stands for
	} {
		if got := c.s.Within(c.dir, c.path); got != c.want {
			t.Errorf("%v: Within(%q, %q) = %v", c.s, c.dir, c.path, got)
		}
	}
}

// FuzzSpelling: what is accepted has one spelling, stays where it is spelt, and is left in peace by its own rules.
func FuzzSpelling(f *testing.F) {
	for _, seed := range []string{
		"/etc/hosts", `C:\x`, `c:/a/../b`, `\\?\C:\x`, `C:\NUL`, `C:\a:b`, "/a/../..", "C:\\\u017f", "C:\\PROGRA~1\\x", "//a", "C:/./.", "/\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		for _, s := range []Spelling{Unix, Windows} {
			clean := s.Clean(path)
			if clean == "" {
				continue
			}
			if again := s.Clean(clean); again != clean {
				t.Errorf("%v: %q is cleaned to %q, and that to %q", s, path, clean, again)
			}
			if !s.Within(clean, path) || s == Windows && !s.Within(strings.ToLower(clean[:3])+clean[3:], path) {
				t.Errorf("%v: %q is not within itself", s, clean)
			}
			for _, name := range s.elements(clean[1:]) {
				if name == ".." || name == "." {
					t.Errorf("%v: %q holds %q", s, clean, name)
				}
			}
			if s == Windows && strings.ContainsAny(clean[2:], `:/*?<>|"`) {
				t.Errorf("%q", clean)
			}
		}
	})
}

// FuzzGrants: a narrowed grant takes in what lies below it and nothing beside it, on either system.
func FuzzGrants(f *testing.F) {
	f.Add("/srv/data", "/srv/data/x")
	f.Add("/srv/data", "/srv/database")
	f.Add(`C:\Data`, `c:/data/../secret`)
	f.Add("C:\\k", "C:\\\u212a")
	f.Fuzz(func(t *testing.T, part, thing string) {
		for _, s := range []Spelling{Unix, Windows} {
			covered := s.grantCovers("fs.read:"+part, "fs.read:"+thing)
			if covered && part != thing && !s.Within(part, thing) {
				t.Errorf("%v: %q covers %q", s, part, thing)
			}
			if covered && strings.Contains(thing, "..") && part != thing && s.Trouble(thing) != "" {
				t.Errorf("%v: %q covers %q", s, part, thing)
			}
			if s.grantCovers("fs.write:"+part, "fs.read:"+thing) || s.grantCovers("fs.read:"+part, "fs.read") {
				t.Errorf("%v: %q covers another grant", s, part)
			}
		}
	})
}
