package ipc

import (
	"bytes"
	"sync"
)

// What Words keeps of the beginning, which in Go says why a program ends, and of the end, which in others does.
const (
	headBytes = 512
	tailBytes = 1536
)

// Words keeps the beginning and the end of what the process behind a peer writes to its standard error: its dying words.
// The zero value is ready, and may be written and read at once.
type Words struct {
	mu         sync.Mutex
	head, tail []byte
	cut        bool // something between them is missing
}

// Write keeps the beginning and the end.
func (w *Words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(p), headBytes-len(w.head))
	w.head = append(w.head, p[:n]...)
	w.tail = append(w.tail, p[n:]...)
	if over := len(w.tail) - tailBytes; over > 0 {
		w.tail, w.cut = bytes.Clone(w.tail[over:]), true
	}
	return len(p), nil
}

// String is what was kept, without space around it.
func (w *Words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var gap []byte
	if w.cut {
		gap = []byte("\n...\n")
	}
	return string(bytes.TrimSpace(bytes.Join([][]byte{w.head, w.tail}, gap)))
}
