package process

import (
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"
)

// capture keeps the head and the tail of a stream within a limit and counts all of it. It never blocks the program.
type capture struct {
	limit int

	mu    sync.Mutex
	head  []byte
	tail  []byte // a ring once it is full
	next  int    // where the ring is written next
	total int64
}

// Write keeps what fits: the first half of the limit, then the latest other half.
func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := len(p)
	c.total += int64(size)
	if room := c.limit/2 - len(c.head); room > 0 {
		n := min(room, len(p))
		c.head = append(grown(c.head, n, c.limit/2), p[:n]...)
		p = p[n:]
	}
	c.keepTailLocked(p)
	return size, nil
}

func (c *capture) keepTailLocked(p []byte) {
	ring := c.limit - c.limit/2
	if len(p) > ring {
		p = p[len(p)-ring:]
	}
	if room := ring - len(c.tail); room > 0 {
		n := min(room, len(p))
		c.tail = append(grown(c.tail, n, ring), p[:n]...)
		p = p[n:]
	}
	for len(p) > 0 {
		n := copy(c.tail[c.next:], p)
		c.next = (c.next + n) % ring
		p = p[n:]
	}
}

// grown makes room for n more bytes, by doubling up to most: what append does costs several times as much in all.
func grown(b []byte, n, most int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	bigger := make([]byte, len(b), min(most, max(2*cap(b), len(b)+n)))
	copy(bigger, b)
	return bigger
}

// Close has nothing to do: what was captured stays.
func (c *capture) Close() error { return nil }

func (c *capture) cut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cutLocked()
}

func (c *capture) cutLocked() bool { return c.total > int64(len(c.head)+len(c.tail)) }

// bytes is what was kept, as it came.
func (c *capture) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.head, c.tail[c.next:], c.tail[:c.next])
}

// tailLocked is the tail in the order in which it was written.
func (c *capture) tailLocked() []byte { return slices.Concat(c.tail[c.next:], c.tail[:c.next]) }

// leftOut stands in the place of what is missing.
func leftOut(n int64) []byte { return fmt.Appendf(nil, "\n[... %d bytes left out ...]\n", n) }

// since is what was written from an offset on, as far as it is still there without a gap, and where it ends.
func (c *capture) since(from int64) (p []byte, end int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	head, tail := c.head[min(from, int64(len(c.head))):], c.tailLocked()
	if begin := c.total - int64(len(tail)); from > begin {
		tail = tail[from-begin:]
	} else if c.cutLocked() {
		head = nil
	}
	return slices.Concat(head, tail), c.total
}

// text is what was kept as UTF-8. Where the middle is missing, a line of its own says how much.
func (c *capture) text(d *decoder) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	tail := c.tailLocked()
	if !c.cutLocked() {
		return d.decode(slices.Concat(c.head, tail), true)
	}
	head := d.decode(c.head, false)
	unfinished := len(d.held)
	d.held, d.begun = nil, true
	start := boundary(d, tail, c.total)
	left := c.total - int64(len(c.head)+len(tail)) + int64(unfinished+start)
	return slices.Concat(head, leftOut(left), d.decode(tail[start:], true))
}

// boundary is where the first whole character starts in the tail of a stream of so many bytes.
func boundary(d *decoder, tail []byte, total int64) int {
	if d.wide != nil {
		return min(len(tail), int((total-int64(len(tail)))%2))
	}
	start := 0
	for start < min(len(tail), utf8.UTFMax-1) && !utf8.RuneStart(tail[start]) {
		start++
	}
	return start
}
