package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// shelf keeps what last served of each role's file, for one mode, in a private folder of the settings.
type shelf struct {
	tree  *settings.Tree
	mode  wire.Mode
	owned func(fs.FileInfo) error
}

func (s shelf) folder() string { return "last_good_" + string(s.mode) }

func (s shelf) dir() string { return filepath.Join(s.tree.Settings(), s.folder()) }

// Load gives what may be trusted as much as the roles themselves, and says what may not.
func (s shelf) Load() (map[string]reload.Kept, error) {
	info, err := os.Lstat(s.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = s.owned(info)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.dir(), err)
	}
	entries, err := os.ReadDir(s.dir())
	all := map[string]reload.Kept{}
	for _, e := range entries {
		file, isJSON := strings.CutSuffix(e.Name(), ".json")
		if !isJSON || strings.HasPrefix(file, ".") {
			continue
		}
		kept, wrong := s.read(e)
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", filepath.Join(s.dir(), e.Name()), wrong))
			continue
		}
		all[file] = kept
	}
	return all, err
}

func (s shelf) read(e fs.DirEntry) (kept reload.Kept, err error) {
	info, err := e.Info()
	if err != nil {
		return kept, err
	}
	if !info.Mode().IsRegular() {
		return kept, errors.New("not a regular file")
	}
	if err := s.owned(info); err != nil {
		return kept, err
	}
	text, err := s.tree.Files().Read(filepath.Join(s.folder(), e.Name()))
	if err != nil {
		return kept, err
	}
	return kept, json.Unmarshal(text, &kept)
}

// Save replaces or removes what is kept of a file.
func (s shelf) Save(file string, k *reload.Kept) error {
	name := file + ".json"
	if k == nil {
		if err := os.Remove(filepath.Join(s.dir(), name)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir(), 0o700); err != nil {
		return err
	}
	return s.tree.Files().Write(filepath.Join(s.folder(), name), append(text, '\n'))
}
