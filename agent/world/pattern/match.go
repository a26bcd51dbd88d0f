package pattern

// checkEvery is how many steps pass between two calls of Budget.Check: some tens of microseconds.
const checkEvery = 4096

// Budget bounds the work of one matcher.
type Budget struct {
	// Steps is how many items and bytes may be looked at.
	Steps int64
	// Check, if there is one, is asked now and then whether to go on; its error ends the match.
	Check func() error
}

// Matcher matches one pattern against one subject, at as many places as wanted.
type Matcher struct {
	pattern *Pattern
	subject string
	budget  Budget
	tillAsk int64
	err     error // sticky: why matching stopped for good

	from, to [MaxCaptures]int
	choices  []choice // at most one for each repeated item
}

// choice is a repeated item that matched and may yet be matched otherwise.
type choice struct {
	item     int
	at       int // where it was tried
	low, now int // fewest bytes that it may take, and how many it takes now
}

// On prepares to match the pattern against subject.
func (p *Pattern) On(subject string, b Budget) *Matcher {
	return &Matcher{pattern: p, subject: subject, budget: b, tillAsk: checkEvery}
}

// Refill replaces what is left of the budget, for a matcher that is used again later.
func (m *Matcher) Refill(b Budget) { m.budget, m.tillAsk = b, checkEvery }

// Find looks for the first match that begins at or after from. Without a match, start is -1.
func (m *Matcher) Find(from int) (start, end int, err error) {
	for start = from; start <= len(m.subject); start++ {
		end, err = m.At(start)
		if err != nil || end >= 0 {
			return start, end, err
		}
		if m.pattern.anchored {
			break
		}
	}
	return -1, -1, nil
}

// At matches at one place and says where the match ends; -1 if there is none.
func (m *Matcher) At(start int) (end int, err error) {
	m.choices = m.choices[:0]
	next, at, ok := 0, start, true
	for ok {
		if end := m.forward(next, at); end >= 0 && m.err == nil {
			return end, nil
		}
		next, at, ok = m.back()
	}
	return -1, m.err
}

// Capture gives capture i of the last match as a range of the subject. For a position capture it is empty, and
// position is true.
func (m *Matcher) Capture(i int) (from, to int, position bool) {
	return m.from[i], m.to[i], m.pattern.captures[i]
}

// spend takes steps from the budget, and says whether matching may go on.
func (m *Matcher) spend(n int) bool {
	if m.err != nil {
		return false
	}
	m.budget.Steps -= int64(n)
	m.tillAsk -= int64(n)
	switch {
	case m.budget.Steps < 0:
		m.err = ErrBudget
	case m.tillAsk < 0:
		m.tillAsk = checkEvery
		if m.budget.Check != nil {
			m.err = m.budget.Check()
		}
	}
	return m.err == nil
}

// forward matches the items from next on. It says where the last one ended, or -1 if one did not match.
func (m *Matcher) forward(next, at int) int {
	for items := m.pattern.items; next < len(items) && at >= 0; next++ {
		if !m.spend(1) {
			return -1
		}
		switch it := &items[next]; it.repeat {
		case 0:
			at = m.once(it, at)
		case '-':
			m.choices = append(m.choices, choice{item: next, at: at})
		default:
			at = m.most(it, next, at)
		}
	}
	return at
}

// back goes to the youngest choice and takes the next way of matching it.
func (m *Matcher) back() (next, at int, ok bool) {
	for len(m.choices) > 0 && m.spend(1) {
		last := &m.choices[len(m.choices)-1]
		switch {
		case m.pattern.items[last.item].repeat != '-' && last.now > last.low:
			last.now--
			return last.item + 1, last.at + last.now, true
		case m.pattern.items[last.item].repeat == '-' && m.takes(last.item, last.at):
			last.at++
			return last.item + 1, last.at, true
		}
		m.choices = m.choices[:len(m.choices)-1]
	}
	return 0, 0, false
}

func (m *Matcher) takes(i, at int) bool {
	return at < len(m.subject) && m.pattern.items[i].matches(m.subject[at])
}

// most lets a repeated item take as many bytes as it can, and remembers that it could do with less.
func (m *Matcher) most(it *item, index, at int) int {
	low, n, limit := 0, 0, len(m.subject)-at
	switch it.repeat {
	case '?':
		limit = min(limit, 1)
	case '+':
		low = 1
	}
	if it.op == opAny {
		n = limit
	}
	for n < limit && it.matches(m.subject[at+n]) {
		n++
		if n%checkEvery == 0 && !m.spend(checkEvery) {
			return -1
		}
	}
	if !m.spend(n%checkEvery) || n < low {
		return -1
	}
	if n > low {
		m.choices = append(m.choices, choice{item: index, at: at, low: low, now: n})
	}
	return at + n
}

// once matches an item that does not repeat.
func (m *Matcher) once(it *item, at int) int {
	switch it.op {
	case opOpen:
		m.from[it.a] = at
	case opClose:
		m.to[it.a] = at
	case opPosition:
		m.from[it.a], m.to[it.a] = at, at
	case opBalance:
		return m.balance(it, at)
	case opFrontier:
		if it.set.has(m.byteAt(at-1)) || !it.set.has(m.byteAt(at)) {
			return -1
		}
	case opBackref:
		return m.backref(int(it.a), at)
	case opEnd:
		if at != len(m.subject) {
			return -1
		}
	default:
		if at >= len(m.subject) || !it.matches(m.subject[at]) {
			return -1
		}
		return at + 1
	}
	return at
}

// byteAt is the subject's byte there; past either end it is 0, as a frontier sees it.
func (m *Matcher) byteAt(i int) byte {
	if i < 0 || i >= len(m.subject) {
		return 0
	}
	return m.subject[i]
}

func (m *Matcher) balance(it *item, at int) int {
	if at >= len(m.subject) || m.subject[at] != it.a {
		return -1
	}
	depth := 1
	for at++; at < len(m.subject) && m.spend(1); at++ {
		switch m.subject[at] {
		case it.b: // before a: the two may be the same
			if depth--; depth == 0 {
				return at + 1
			}
		case it.a:
			depth++
		}
	}
	return -1
}

// backref matches the text of a capture again. A position has no text, and matches nowhere.
func (m *Matcher) backref(i, at int) int {
	text := m.subject[m.from[i]:m.to[i]]
	if m.pattern.captures[i] || !m.spend(len(text)) || len(m.subject)-at < len(text) {
		return -1
	}
	if m.subject[at:at+len(text)] != text {
		return -1
	}
	return at + len(text)
}
