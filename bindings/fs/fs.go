// Package fs is the Lua module fs: files and directories within what the role was granted, and its own data
// directory. It promises that no link, no ".." and no race leads out of a granted directory, that a file is written
// whole or not at all, and that what it makes is readable by nobody else. Its watches are looks, once a second: they are
// not for what must be known at once, nor for whole trees.
package fs

import (
	"context"
	"crypto/rand"
	_ "embed"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

//go:embed fs.lua
var face string

// The two grants of the module. A role that holds a part of either may use its own data directory both ways.
const (
	readGrant  = "fs.read"
	writeGrant = "fs.write"
)

// maxEntries bounds what list gives at once: an answer has to fit into one message to the role.
const maxEntries = 10_000

// Binding is the module.
var Binding = bindings.Binding{
	Name:  "fs",
	Face:  face,
	Grant: "fs",
	Handles: []bindings.HandleType{{Name: fileType, Methods: map[string]bindings.Func{
		"read":  {Waits: true, Do: readSome},
		"write": {Waits: true, Do: writeAll},
	}}, {Name: watchType}},
	Open: open,
}

type module struct {
	host bindings.Host
	// scratch names a file that does not exist yet.
	scratch func() string
	watches *watches
}

func open(host bindings.Host) (*bindings.Instance, error) {
	m := &module{host: host, scratch: func() string { return ".borealis-" + rand.Text() }}
	m.watches = newWatches(host, m.look)
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"read":   {Waits: true, Do: m.read},
		"write":  {Waits: true, Do: m.write},
		"append": {Waits: true, Do: m.append},
		"open":   {Waits: true, Do: m.open},
		"list":   {Waits: true, Do: m.list},
		"stat":   {Waits: true, Do: m.stat},
		"mkdir":  {Waits: true, Do: m.mkdir},
		"remove": {Waits: true, Do: m.remove},
		"rename": {Waits: true, Do: m.rename},
		"watch":  {Waits: true, Do: m.watch},
	}, Close: m.watches.close}, nil
}

// entry is one name in a directory.
type entry struct {
	Name string `lua:"name"`
	Kind string `lua:"kind"`
}

func (m *module) list(_ context.Context, path string) ([]entry, error) {
	p, err := m.find(readGrant, path, follow)
	if err != nil {
		return nil, err
	}
	defer p.close()
	found, err := p.entries(maxEntries + 1)
	if err != nil {
		return nil, p.fail("list", err)
	}
	if len(found) > maxEntries {
		return nil, bindings.Fail("too_large", "list %q: more than %d names", p.path, maxEntries)
	}
	out := make([]entry, len(found))
	for i, e := range found {
		out[i] = entry{Name: e.Name(), Kind: kind(e.Type())}
	}
	return out, nil
}

// info is what stat tells.
type info struct {
	Kind      string  `lua:"kind"`
	SizeBytes int64   `lua:"size_bytes"`
	Modified  float64 `lua:"modified"`
}

func (m *module) stat(_ context.Context, path string) (*info, error) {
	p, err := m.find(readGrant, path, follow)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer p.close()
	found, err := p.stat()
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, p.fail("stat", err)
	}
	modified := float64(found.ModTime().UnixMicro()) / 1e6
	return &info{Kind: kind(found.Mode()), SizeBytes: found.Size(), Modified: modified}, nil
}

func (m *module) mkdir(_ context.Context, path string) error {
	p, err := m.find(writeGrant, path, deepest)
	if err != nil {
		return err
	}
	defer p.close()
	return p.fail("make directory", p.root.MkdirAll(p.name, 0o700))
}

func (m *module) remove(_ context.Context, path string) error {
	p, err := m.find(writeGrant, path, itself)
	if err != nil {
		return err
	}
	defer p.close()
	if p.name == "." {
		return bindings.Fail("denied", "remove %q: it is the granted directory itself", p.path)
	}
	return p.fail("remove", p.root.Remove(p.name))
}
