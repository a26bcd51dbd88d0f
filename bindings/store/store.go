// Package store is the Lua module store: values that a role keeps under keys, on disk. It promises that a value is
// durable once set returned, whatever then happens to the process; that what get gives is what set took, byte for
// byte; that both versions of a role see the same values while one replaces the other; and that no role fills the
// disk. The file lies beside the role's data directory, not in it: the database trusts its pages, so that the role's
// own fs must not reach them. It is not for large things, which are files, nor for what roles share.
package store

import (
	"context"
	_ "embed"
	"path/filepath"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

//go:embed store.lua
var face string

const (
	// maxKey is the longest key in bytes.
	maxKey = 256
	// maxValue is the largest value in bytes as it is kept: a string of 256 KiB, and its head.
	maxValue = 256<<10 + 5
	// maxKeys and maxBytes are how much one store holds; maxBytes counts keys and values as they are kept.
	maxKeys  = 10_000
	maxBytes = 4 << 20
)

// New makes the module. What it gives owns the files that its instances have open: two versions of one role share
// theirs only if both were opened from the same value.
func New() bindings.Binding {
	files := &registry{open: map[string]*shared{}}
	return bindings.Binding{Name: "store", Face: face, Open: func(host bindings.Host) (*bindings.Instance, error) {
		return open(files, host)
	}}
}

func open(files *registry, host bindings.Host) (*bindings.Instance, error) {
	form, err := newCodec()
	if err != nil {
		return nil, err
	}
	m := &module{host: host, files: files, codec: form}
	return &bindings.Instance{
		Funcs: map[string]bindings.Func{
			"get":    {Waits: true, Do: m.get},
			"set":    {Waits: true, Do: m.set},
			"delete": {Waits: true, Do: m.delete},
			"keys":   {Waits: true, Do: m.keys},
		},
		Close: m.close,
	}, nil
}

// module is the store as one version of a role has it. A role that never uses its store has no file.
type module struct {
	host  bindings.Host
	files *registry
	codec codec

	mu     sync.Mutex
	closed bool
	file   *shared // nil until it is used
}

func (m *module) get(ctx context.Context, key string) (value any, err error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	err = m.do(ctx, func(d *db) error {
		raw, err := d.get(key)
		if raw == nil || err != nil {
			return err
		}
		value, err = m.codec.decode(raw)
		return err
	})
	return value, err
}

func (m *module) set(ctx context.Context, key string, value any) error {
	if err := checkKey(key); err != nil {
		return err
	}
	raw, err := m.codec.encode(value)
	if err != nil {
		return err
	}
	return m.do(ctx, func(d *db) error { return d.set(key, raw) })
}

func (m *module) delete(ctx context.Context, key string) (found bool, err error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	err = m.do(ctx, func(d *db) error {
		found, err = d.delete(key)
		return err
	})
	return found, err
}

func (m *module) keys(ctx context.Context, prefix *string) (keys []string, err error) {
	var begin string
	if prefix != nil {
		begin = *prefix
	}
	err = m.do(ctx, func(d *db) error {
		keys, err = d.keys(begin)
		return err
	})
	return keys, err
}

func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return bindings.Misused("argument 1: a key has 1 to %d bytes, not %d", maxKey, len(key))
	}
	return nil
}

// do lets f have the database to itself.
func (m *module) do(ctx context.Context, f func(*db) error) error {
	file, err := m.use()
	if err != nil {
		return err
	}
	return file.failure(file.do(ctx, m.host.Log(), f))
}

// use takes a share in the role's file, once.
func (m *module) use() (*shared, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, bindings.Fail("cancelled", "the role has ended")
	}
	if m.file == nil {
		path, err := filePath(m.host.Place())
		if err != nil {
			return nil, err
		}
		m.file = m.files.take(path)
	}
	return m.file, nil
}

// filePath is where the store of a role lies. Each service mode has its own: the system's is not for a user to read.
func filePath(p bindings.Place) (string, error) {
	if !filepath.IsAbs(p.DataDir) {
		return "", bindings.Fail("failed", "this role has no data directory")
	}
	return filepath.Clean(p.DataDir) + "." + p.ServiceMode + ".db", nil
}

func (m *module) close() error {
	m.mu.Lock()
	file := m.file
	m.closed, m.file = true, nil
	m.mu.Unlock()
	if file == nil {
		return nil
	}
	return m.files.leave(file)
}
