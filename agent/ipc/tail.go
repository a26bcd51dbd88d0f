package ipc

import (
	"bytes"
	"sync"
)

// tailBytes is how much a Tail keeps.
const tailBytes = 2 << 10

// Tail keeps the end of what the process behind a peer writes to its standard error: its dying words. The zero value is
// ready, and may be written and read at once.
type Tail struct {
	mu sync.Mutex
	b  []byte
}

// Write keeps the end.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - tailBytes; over > 0 {
		t.b = bytes.Clone(t.b[over:])
	}
	return len(p), nil
}

// String is what was kept, without space around it.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}
