package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// quarantine keeps the quarantined roles of one mode among the settings.
type quarantine struct {
	files settings.Folder
	mode  wire.Mode
}

func (q quarantine) name() string { return "quarantine_" + string(q.mode) + ".json" }

// Load reads what is kept; nothing is kept at first.
func (q quarantine) Load() (map[string]reload.Sentence, error) {
	text, err := q.files.Read(q.name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all map[string]reload.Sentence
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", q.name(), err)
	}
	return all, nil
}

// Save replaces what is kept.
func (q quarantine) Save(all map[string]reload.Sentence) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return q.files.Write(q.name(), append(text, '\n'))
}

// releases is the folder in which an operator's command leaves the names of role files for the agent of a mode.
func releases(tree *settings.Tree, mode wire.Mode) string {
	return filepath.Join(tree.Settings(), "release", string(mode))
}

// askRelease leaves the name of a role's file.
func askRelease(tree *settings.Tree, mode wire.Mode, file string) error {
	dir := releases(tree, mode)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if !filepath.IsLocal(file) || filepath.Base(file) != file {
		return fmt.Errorf("%q is no file name", file)
	}
	return os.WriteFile(filepath.Join(dir, file), nil, 0o600)
}

// takeReleases takes the names that have been left.
func takeReleases(tree *settings.Tree, mode wire.Mode) (files []string) {
	dir := releases(tree, mode)
	entries, err := os.ReadDir(dir)
	if err != nil { // as a rule there is none
		return nil
	}
	for _, e := range entries {
		if os.Remove(filepath.Join(dir, e.Name())) == nil {
			files = append(files, e.Name())
		}
	}
	return files
}
