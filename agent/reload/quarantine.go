package reload

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Sentence is why a file is quarantined, and until when: until its content is another, or somebody releases it.
type Sentence struct {
	// Content is the SHA-256 over the file and the helpers beside it.
	Content string `json:"content"`
	Version string `json:"version"`
	Name    string `json:"name"`
	// Events are what the role had asked for.
	Events []string `json:"events,omitempty"`
	Reason string   `json:"reason"`
	Since  int64    `json:"since"` // Unix seconds
}

// Quarantine keeps sentences, by file name, while no agent runs.
type Quarantine interface {
	Load() (map[string]Sentence, error)
	Save(map[string]Sentence) error
}

// ward is the sentences that hold now. What the store cannot keep holds until the agent ends.
type ward struct {
	store  Quarantine // nil keeps nothing
	failed func(error)

	mu        sync.Mutex
	sentences map[string]Sentence // by file name
}

func newWard(store Quarantine, failed func(error)) *ward {
	w := &ward{store: store, failed: failed, sentences: map[string]Sentence{}}
	if store == nil {
		return w
	}
	kept, err := store.Load()
	if err != nil {
		failed(err)
	}
	maps.Copy(w.sentences, kept)
	return w
}

// holds reports whether a file with this content is quarantined. Other content ends its sentence.
func (w *ward) holds(file string, c *content) (Sentence, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.sentences[file]
	if ok && s.Content != c.digest() {
		delete(w.sentences, file)
		w.saveLocked()
		return Sentence{}, false
	}
	return s, ok
}

func (w *ward) put(file string, s Sentence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sentences[file] = s
	w.saveLocked()
}

// release ends the sentences of a role, named by its name or its file.
func (w *ward) release(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.sentences)
	maps.DeleteFunc(w.sentences, func(file string, s Sentence) bool { return file == name || s.Name == name })
	if len(w.sentences) < before {
		w.saveLocked()
	}
}

func (w *ward) saveLocked() {
	if w.store == nil {
		return
	}
	if err := w.store.Save(maps.Clone(w.sentences)); err != nil {
		w.failed(err)
	}
}

// digest names a content: the file and all helpers, since any of them may be what a role dies of.
func (c *content) digest() string {
	h := sha256.New()
	h.Write(c.sum[:])
	for _, path := range slices.Sorted(maps.Keys(c.libs)) {
		lib := c.libs[path]
		fmt.Fprintf(h, "%q %x\n", path, lib.sum)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// release lets out of quarantine what an operator has released.
func (r *Reloader) release() {
	if r.cfg.Released == nil {
		return
	}
	for _, name := range r.cfg.Released() {
		r.ward.release(name)
		r.mu.Lock()
		for _, s := range r.slots {
			s.pardon(name)
		}
		r.mu.Unlock()
	}
}

// pardon starts a quarantined role again if it is the one that is meant.
func (s *slot) pardon(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == name || s.status.Name == name {
		s.pardoned = true
	}
}

// confine quarantines what runs no more.
func (s *slot) confine(reason string) {
	s.say(Quarantined, reason)
	s.mu.Lock()
	status, asked := s.status, s.asked
	s.mu.Unlock()
	s.reloader.ward.put(s.file, Sentence{
		Content: s.serving.digest(), Version: status.Version, Name: status.Name, Events: asked, Reason: reason, Since: status.Since,
	})
	s.serving = nil // whatever stands in the file next, this does not come back for it
	s.keep(nil)
}

// confined reports whether a content is quarantined already: since before the agent started, or because it was away
// for a while.
func (s *slot) confined(c *content) bool {
	sentence, held := s.reloader.ward.holds(s.file, c)
	if !held {
		return false
	}
	s.tried = c
	s.mu.Lock()
	s.status = Status{
		Name: sentence.Name, File: s.file, State: Quarantined, Version: sentence.Version, Reason: sentence.Reason,
		Since: sentence.Since,
	}
	s.asked = sentence.Events
	s.mu.Unlock()
	s.reloader.cfg.Changed()
	return true
}

// Absent tells of the roles that had asked for an event and do not serve now, because their workers died.
func (r *Reloader) Absent(event string) []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var absent []Status
	for _, name := range slices.Sorted(maps.Keys(r.slots)) {
		if s := r.slots[name]; s.misses(event) {
			absent = append(absent, s.report())
		}
	}
	return absent
}

func (s *slot) misses(event string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	down := s.status.State == Quarantined || s.status.State == Restarting
	return down && slices.Contains(s.asked, event)
}
