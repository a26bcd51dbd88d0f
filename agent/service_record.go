package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// record is what an installation has to remember of itself, so that its end leaves nothing and takes nothing else.
type record struct {
	Programs string `json:"programs"`           // the folder of the agent and its worker
	InPlace  bool   `json:"in_place"`           // they were there before, and stay
	SealKey  string `json:"seal_key,omitempty"` // the key's file, when there was none before
	Gone     bool   `json:"gone,omitempty"`     // the service is uninstalled, and its data was kept

	Trust []string `json:"trust,omitempty"` // the agent's flags for whom to trust at first
}

func recordName(m wire.Mode) string { return "service_" + string(m) + ".json" }

// readRecord reads the record of a mode's service; fs.ErrNotExist says that none was installed from this tree.
func readRecord(tree *settings.Tree, m wire.Mode) (r record, err error) {
	text, err := tree.Files().Read(recordName(m))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", recordName(m), err)
	}
	return r, nil
}

func (r record) write(tree *settings.Tree, m wire.Mode) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return tree.Files().Write(recordName(m), append(text, '\n'))
}

// newSealKey is the seal key's file when there is none yet: the one that the agent will make.
func newSealKey() (string, error) {
	path, err := settings.SealKeyFile(os.Getenv)
	if err != nil || path == "" {
		return "", err
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return path, nil
}

// programNames are the agent's files beside each other: itself and its worker, with the system's ending.
func programNames(ending string) [2]string {
	return [2]string{"borealis-agent" + ending, "borealis-worker" + ending}
}

// ending is that of programs on this system, as this one has it.
func ending() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Ext(self)
}
