package sandbox

// name passes a name or keyword, and keeps count of the blocks.
func (s *scanner) name() {
	start := s.at
	for isLetter(s.peek(0)) || isDigit(s.peek(0)) {
		s.at++
	}
	switch word := s.src[start:s.at]; word {
	case "function", "do", "if", "repeat":
		s.opens(word)
	case "end", "until":
		s.closes()
		s.settle()
	case "not":
		s.waits()
	case "and", "or", "local", "return", "then", "else", "elseif", "while", "for", "in", "break", "goto":
		s.settle()
	}
}

// operator passes one character of an operator or bracket. Nothing here needs the longer ones whole, but for "..".
func (s *scanner) operator(c byte) {
	switch c {
	case '(', '{', '[':
		s.opens(string(rune(c)))
	case ')', '}', ']':
		s.closes()
	case ',', ';', '=':
		s.settle()
	case '-', '#', '^':
		s.waits()
	case '.':
		if s.peek(1) == '.' {
			s.waits()
			s.at++
		}
	case '+', '*', '/', '%', '<', '>', ':', '~':
	default:
		r := []rune(s.src[s.at:min(s.at+4, len(s.src))])[0]
		s.fail(s.line, "unexpected %q", r)
	}
	s.at++
}

func (s *scanner) opens(what string) {
	if len(s.open) > s.lim.Depth {
		s.fail(s.line, "nested more than %d deep", s.lim.Depth)
		return
	}
	s.open = append(s.open, opening{what: what, line: s.line})
}

// closes ends the innermost level. Whether it is of the right kind is the parser's to say, at just this token.
func (s *scanner) closes() {
	if len(s.open) > 1 {
		s.settle()
		s.open = s.open[:len(s.open)-1]
	}
}

// waits counts an operator that the parser keeps until its right side is read: the unary ones, and those that bind to
// the right. A minus may be either.
func (s *scanner) waits() {
	s.open[len(s.open)-1].pending++
	if s.pending++; s.pending > pendingPerDepth*s.lim.Depth {
		s.fail(s.line, "an expression with too many operators")
	}
}

// settle is called where an expression has ended: no operator of this level waits any longer.
func (s *scanner) settle() {
	s.pending -= s.open[len(s.open)-1].pending
	s.open[len(s.open)-1].pending = 0
}
