package reload

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Kept is the last version of a file that served, with the helpers that it used.
type Kept struct {
	Text string            `json:"text"`
	Libs map[string]string `json:"libs,omitempty"` // by path below the directory
	// Sum is over both: what was damaged on the shelf does not serve.
	Sum string `json:"sum"`
}

// Shelf keeps versions, by file name, while no agent runs. Who may write there may write roles.
type Shelf interface {
	Load() (map[string]Kept, error)
	// Save replaces what is kept of a file; nil removes it.
	Save(file string, k *Kept) error
}

// shelf is what was kept before this agent started, until the files speak for themselves, and the way to keep more.
type shelf struct {
	store  Shelf // nil keeps nothing
	failed func(error)

	mu    sync.Mutex
	found map[string]*content
}

func newShelf(store Shelf, failed func(error)) *shelf {
	s := &shelf{store: store, failed: failed, found: map[string]*content{}}
	if store == nil {
		return s
	}
	kept, err := store.Load()
	if err != nil {
		failed(err)
	}
	for name, k := range kept {
		if k.Sum != k.sum() {
			failed(fmt.Errorf("%s: damaged", name))
			continue
		}
		s.found[name] = k.content()
	}
	return s
}

// take gives what was kept of a file; nil when nothing was.
func (s *shelf) take(name string) *content {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.found[name]
	delete(s.found, name)
	return c
}

// prune drops what was kept of files that are gone. Those that are there have been taken.
func (s *shelf) prune() {
	s.mu.Lock()
	gone := slices.Collect(maps.Keys(s.found))
	clear(s.found)
	s.mu.Unlock()
	for _, name := range gone {
		s.save(name, nil)
	}
}

// save keeps a content of a file; nil keeps none.
func (s *shelf) save(name string, c *content) {
	if s.store == nil {
		return
	}
	var k *Kept
	if c != nil {
		k = c.kept()
	}
	if err := s.store.Save(name, k); err != nil {
		s.failed(err)
	}
}

func (c *content) kept() *Kept {
	k := &Kept{Text: string(c.text), Libs: map[string]string{}}
	for path, lib := range c.libs {
		k.Libs[path] = string(lib.text)
	}
	k.Sum = k.sum()
	return k
}

func (k Kept) content() *content {
	c := &content{file: fileOf(k.Text), libs: library{}}
	for path, text := range k.Libs {
		c.libs[path] = fileOf(text)
	}
	return c
}

func (k Kept) sum() string { return k.content().digest() }

func fileOf(text string) file { return file{text: []byte(text), sum: sha256.Sum256([]byte(text))} }

// narrow is a content with no other helpers than those that are required.
func (c *content) narrow(requires []string) *content {
	narrow := &content{file: c.file, libs: library{}}
	for _, name := range requires {
		narrow.libs[libPath(name)] = c.libs[libPath(name)]
	}
	return narrow
}

// covers reports whether c has the file of a narrow content and each of its helpers.
func (c *content) covers(narrow *content) bool {
	for path, lib := range narrow.libs {
		if !c.libs[path].same(lib) {
			return false
		}
	}
	return c.same(narrow.file)
}
