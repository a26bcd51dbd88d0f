package reload

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// Read reads one role's file as a look would, with the helpers in lib beside it: for whoever wants to try a file without
// watching its directory. Who may write the file is not checked. The source bears the path as it was given.
func Read(path string) (role.Source, error) {
	if name := filepath.Base(path); !roleFile.MatchString(name) || testFile.MatchString(name) {
		return role.Source{}, fmt.Errorf("%s: no agent takes it for a role: the name must be like role_hello.lua", path)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return role.Source{}, err
	}
	defer root.Close()
	anybody := func(fs.FileInfo) error { return nil }
	s := snapshot{libs: map[string]file{}}
	if err := s.readLibs(root, "lib", anybody); err != nil {
		return role.Source{}, err
	}
	f := read(root, filepath.Base(path), anybody)
	return role.Source{File: path, Text: f.text, Lib: library(s.libs).read}, f.err
}
