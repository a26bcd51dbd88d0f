package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Document is one agent_settings file. Keys that the agent does not know are kept as they are.
type Document map[string]json.RawMessage

// dropped are keys of older agents, which must not come back.
var dropped = [...]string{"borealis_server_url", "max_task_workers", "agent_operating_system", "created"}

// Text is the string under key, "" when there is none or it is something else.
func (d Document) Text(key string) string {
	var s string
	if json.Unmarshal(d[key], &s) != nil {
		return ""
	}
	return trimText(s)
}

// Flag is the boolean under key, false when there is none. Anything else is an error: what a flag forbids would silently
// be allowed.
func (d Document) Flag(key string) (on bool, err error) {
	raw, there := d[key]
	if there && json.Unmarshal(raw, &on) != nil {
		return false, fmt.Errorf("setting %q: %s is neither true nor false", key, raw)
	}
	return on, nil
}

// Section is the object under key, empty when there is none. It refuses what is no object and what is not known in it.
func (d Document) Section(key string, known ...string) (Document, error) {
	raw, there := d[key]
	if !there {
		return Document{}, nil
	}
	var section Document
	if json.Unmarshal(raw, &section) != nil || section == nil {
		return nil, fmt.Errorf("setting %q: %s is no object", key, raw)
	}
	for name := range section {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("setting %q: %q is not known; there are: %s", key, name, strings.Join(known, ", "))
		}
	}
	return section, nil
}

// Set puts value under key.
func (d Document) Set(key string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("setting %q: %w", key, err)
	}
	d[key] = raw
	return nil
}

// DocumentPath is where the agent_settings file of a suffix lies: BOREALIS_AGENT_CONFIG in full, else its name in
// BOREALIS_AGENT_CONFIG_DIR or among the settings.
func (t *Tree) DocumentPath(suffix string) string {
	if path := t.getenv("BOREALIS_AGENT_CONFIG"); path != "" {
		return path
	}
	return t.documentIn(suffix)
}

func (t *Tree) documentIn(suffix string) string {
	dir := t.settings
	if other := t.getenv("BOREALIS_AGENT_CONFIG_DIR"); other != "" {
		dir = other
	}
	return filepath.Join(dir, documentName(suffix))
}

func documentName(suffix string) string {
	if suffix = Suffix(suffix); suffix != "" {
		return "agent_settings_" + suffix + ".json"
	}
	return "agent_settings.json"
}

// Document reads the agent_settings file of a suffix. A missing one is seeded from the file without suffix, in memory;
// one that is no JSON object is an error, because defaults in its place would hide it.
func (t *Tree) Document(suffix string) (Document, error) {
	d, err := readDocument(t.DocumentPath(suffix))
	if errors.Is(err, fs.ErrNotExist) {
		d, err = readDocument(t.documentIn(""))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Document{}, nil
	}
	return d, err
}

// UpdateDocument reads the agent_settings file of a suffix, lets change work on it and writes it back.
func (t *Tree) UpdateDocument(suffix string, change func(Document) error) error {
	d, err := t.Document(suffix)
	if err != nil {
		return err
	}
	if err := change(d); err != nil {
		return err
	}
	return writeDocument(t.DocumentPath(suffix), d)
}

func readDocument(path string) (Document, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var d Document
	if err := json.Unmarshal([]byte(trimText(string(data))), &d); err != nil {
		return nil, fmt.Errorf("settings %q: %w", path, err)
	}
	if d == nil {
		d = Document{}
	}
	for _, key := range dropped {
		delete(d, key)
	}
	return d, nil
}

func writeDocument(path string, d Document) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("settings %q: %w", path, err)
	}
	return writeFile(path, append(text, '\n'))
}
