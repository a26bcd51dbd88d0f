package policy

import (
	"bytes"
	"errors"
	"io/fs"
	"sync"
)

// Current is the policy that counts now: the file as it is, and while that cannot be understood, as it was when it
// last could. Before that, only shipped roles get anything. Its methods may be called from several goroutines.
type Current struct {
	files   Files
	shipped map[string][]string
	all     bool

	mu     sync.Mutex
	text   []byte
	policy *Policy
	err    error
	fresh  bool // nobody has asked Changed about this reading yet
}

// NewCurrent follows the policy in files; all overrides it with AllowAll.
func NewCurrent(files Files, shipped map[string][]string, all bool) *Current {
	return &Current{files: files, shipped: shipped, all: all, policy: &Policy{shipped: shipped, AllowAll: all}}
}

// Grants is Policy.Grants of the policy that counts now.
func (c *Current) Grants(name string, declared []string) (granted, withheld []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readLocked()
	return c.policy.Grants(name, declared)
}

// Changed reports whether the file has changed since it was last asked. The error says why the file as it is now does
// not count.
func (c *Current) Changed() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readLocked()
	fresh := c.fresh
	c.fresh = false
	return fresh, c.err
}

func (c *Current) readLocked() {
	text, err := c.files.Read(File)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	}
	if err != nil {
		c.fresh = c.fresh || c.err == nil || c.err.Error() != err.Error()
		c.err = err
		return
	}
	if c.err == nil && bytes.Equal(text, c.text) {
		return
	}
	before := c.err
	p, err := parse(text, c.shipped)
	c.fresh = c.fresh || !bytes.Equal(text, c.text) || err == nil || before.Error() != err.Error()
	c.text, c.err = text, err
	if err == nil {
		p.AllowAll = p.AllowAll || c.all
		c.policy = p
	}
}
