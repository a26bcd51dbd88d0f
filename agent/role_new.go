package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/luaroles"
)

type roleNewCmd struct {
	Name    string  `arg:"" help:"The role's ROLE_NAME: letters, digits and _, a letter first."`
	Context string  `enum:"system,interactive,both" default:"system" help:"Where it runs: ${enum}."`
	On      string  `placeholder:"EVENT" help:"The Engine's event that it answers; by default one that is called like the role."`
	Every   float64 `placeholder:"SECONDS" help:"How often it does something by itself."`
	Dir     string  `default:"." help:"Where to write it."`
}

func (c *roleNewCmd) Help() string {
	return `Examples:
  borealis-agent role new hello
  borealis-agent role new disk_watch --every 300 --dir roles
  borealis-agent role new greeter --context both --on greet

Writes role_NAME.lua and role_NAME_test.lua, which pass at once, and for the editor .luarc.json and types/ where there are
none. What is there already is never overwritten.`
}

var (
	newName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,55}$`)
	newEvent = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,64}$`)
)

// Run writes the files and says what to do with them.
func (c *roleNewCmd) Run() error {
	if err := c.refuse(); err != nil {
		return err
	}
	role, tests := c.files()
	if err := writeNew(role, c.role()); err != nil {
		return err
	}
	if err := writeNew(tests, c.test()); err != nil {
		return errors.Join(err, os.Remove(role))
	}
	if err := writeTypes(c.Dir); err != nil {
		return err
	}
	fmt.Print(c.next())
	return nil
}

func (c *roleNewCmd) files() (role, tests string) {
	role = filepath.Join(c.Dir, "role_"+c.Name+".lua")
	return role, testsOf(role)
}

// refuse says why there can be no such role here; nothing is written then.
func (c *roleNewCmd) refuse() error {
	switch {
	case !newName.MatchString(c.Name):
		return fmt.Errorf("%q is no name for a role: letters, digits and _ only, at most 56, a letter first", c.Name)
	case strings.HasSuffix(strings.ToLower(c.Name), "_test"):
		return fmt.Errorf("%q is no name for a role: files that end with _test are tests", c.Name)
	case c.On != "" && !newEvent.MatchString(c.On):
		return fmt.Errorf("%q is no name of an event: letters, digits and _.:/- only, at most 64", c.On)
	case c.Every != 0 && !(c.Every >= 0.01 && c.Every <= 1e8):
		return fmt.Errorf("--every %g: a timer's period has 0.01 to 100000000 seconds", c.Every)
	}
	role, tests := c.files()
	for _, file := range []string{role, tests} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("%q is there already, and is not overwritten", file), err)
		}
	}
	return nil
}

// next says how to go on.
func (c *roleNewCmd) next() string {
	role, tests := c.files()
	return fmt.Sprintf(`%s and %s are written.

Watch them while you edit; each save is answered:
  borealis-agent role watch %s
What roles can use:
  borealis-agent docs
To have it served, copy %s into the folder Roles of an agent's tree, and allow its grants:
  borealis-agent role allow %s
`, printable(role), printable(tests), printable(c.Dir), printable(filepath.Base(role)), c.Name)
}

// writeNew writes a file that must not be there.
func writeNew(file, text string) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// writeTypes gives the editor the faces of all modules, and leaves what it already has.
func writeTypes(dir string) error {
	return fs.WalkDir(luaroles.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name != ".luarc.json" && path.Dir(name) != "types" {
			return err
		}
		text, err := luaroles.Files.ReadFile(name)
		if err != nil {
			return err
		}
		err = writeNew(filepath.Join(dir, filepath.FromSlash(name)), string(text))
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	})
}
