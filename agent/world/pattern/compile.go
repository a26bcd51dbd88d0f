package pattern

import "slices"

// Compile reads a pattern.
func Compile(text string) (*Pattern, error) {
	if len(text) > MaxBytes {
		return nil, ErrTooLong
	}
	c := compiler{text: text, pattern: &Pattern{}}
	if text != "" && text[0] == '^' {
		c.pattern.anchored = true
		c.at = 1
	}
	for c.at < len(text) {
		it, err := c.item()
		if err != nil {
			return nil, err
		}
		c.pattern.items = append(c.pattern.items, it)
	}
	if len(c.open) > 0 {
		return nil, ErrUnfinished
	}
	return c.pattern, nil
}

// compiler reads a pattern from left to right. An item is matched only after all before it, so what is open or
// closed at an item is known here already.
type compiler struct {
	text    string
	at      int
	open    []int // the captures that are open, the innermost last
	pattern *Pattern
}

// peek is the byte n past the current one, or 0 past the end; more says which.
func (c *compiler) peek(n int) (b byte, more bool) {
	if c.at+n >= len(c.text) {
		return 0, false
	}
	return c.text[c.at+n], true
}

func (c *compiler) item() (item, error) {
	switch c.text[c.at] {
	case '(':
		return c.begin()
	case ')':
		return c.end()
	case '$':
		if c.at+1 == len(c.text) {
			c.at++
			return item{op: opEnd}, nil
		}
	case '%':
		switch next, _ := c.peek(1); {
		case next == 'b':
			return c.balance()
		case next == 'f':
			return c.frontier()
		case isDigit(next):
			return c.backref(next)
		}
	}
	it, err := c.single()
	if b, more := c.peek(0); err == nil && more && isRepeat(b) {
		it.repeat = b
		c.at++
	}
	return it, err
}

func isRepeat(b byte) bool { return b == '?' || b == '*' || b == '+' || b == '-' }

func (c *compiler) begin() (item, error) {
	n := len(c.pattern.captures)
	if n == MaxCaptures {
		return item{}, ErrCaptures
	}
	next, _ := c.peek(1)
	position := next == ')'
	c.pattern.captures = append(c.pattern.captures, position)
	if position {
		c.at += 2
		return item{op: opPosition, a: byte(n)}, nil
	}
	c.open = append(c.open, n)
	c.at++
	return item{op: opOpen, a: byte(n)}, nil
}

func (c *compiler) end() (item, error) {
	if len(c.open) == 0 {
		return item{}, ErrCapture
	}
	n := c.open[len(c.open)-1]
	c.open = c.open[:len(c.open)-1]
	c.at++
	return item{op: opClose, a: byte(n)}, nil
}

func (c *compiler) balance() (item, error) {
	from, _ := c.peek(2)
	to, more := c.peek(3)
	if !more {
		return item{}, ErrBalance
	}
	c.at += 4
	return item{op: opBalance, a: from, b: to}, nil
}

func (c *compiler) frontier() (item, error) {
	if next, _ := c.peek(2); next != '[' {
		return item{}, ErrFrontier
	}
	c.at += 2
	s, err := c.set()
	return item{op: opFrontier, set: s}, err
}

func (c *compiler) backref(digit byte) (item, error) {
	n := int(digit) - '1'
	if n < 0 || n >= len(c.pattern.captures) || slices.Contains(c.open, n) {
		return item{}, ErrIndex
	}
	c.at += 2
	return item{op: opBackref, a: byte(n)}, nil
}

// single reads an item that takes one byte.
func (c *compiler) single() (item, error) {
	switch b := c.text[c.at]; b {
	case '.':
		c.at++
		return item{op: opAny}, nil
	case '[':
		s, err := c.set()
		return item{op: opSet, set: s}, err
	case '%':
		class, more := c.peek(1)
		if !more {
			return item{}, ErrEndsEscape
		}
		c.at += 2
		return item{op: opClass, a: class}, nil
	default:
		c.at++
		return item{op: opChar, a: b}, nil
	}
}

// set reads a set in brackets. A ']' right after the opening stands for itself, and so does a '-' at either end.
func (c *compiler) set() (*set, error) {
	end, ok := c.setEnd()
	if !ok {
		return nil, ErrBracket
	}
	s, p := &set{}, c.at+1
	inverted := c.text[p] == '^'
	if inverted {
		p++
	}
	for ; p < end; p++ {
		switch {
		case c.text[p] == '%':
			p++
			s.addClass(c.text[p])
		case c.text[p+1] == '-' && p+2 < end:
			s.addRange(c.text[p], c.text[p+2])
			p += 2
		default:
			s.add(c.text[p])
		}
	}
	if inverted {
		s.invert()
	}
	c.at = end + 1
	return s, nil
}

// setEnd finds the ']' that ends the set which begins here.
func (c *compiler) setEnd() (end int, ok bool) {
	p := c.at + 1
	if p < len(c.text) && c.text[p] == '^' {
		p++
	}
	for first := true; p < len(c.text); first = false {
		switch {
		case c.text[p] == ']' && !first:
			return p, true
		case c.text[p] == '%':
			p += 2
		default:
			p++
		}
	}
	return 0, false
}
