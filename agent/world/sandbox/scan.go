package sandbox

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// pendingPerDepth is how many operators may wait for their right side for each level that may nest. The parser keeps
// them on its stack like levels; what it lets through is checked again, exactly, in the tree.
const pendingPerDepth = 10

// scanner reads a source's tokens before the parser does, because the parser's memory follows its input: two million
// opening braces end the process. It knows strings, comments and numbers exactly as gopher-lua's lexer does, and
// refuses what that one would misread, so that no brace hides from it.
type scanner struct {
	file string
	src  string
	lim  Limits

	at, line int
	tokens   int
	open     []opening
	pending  int // operators that wait, over all levels
	err      *SyntaxError
}

// opening is a bracket or block that is not closed yet.
type opening struct {
	what    string
	line    int
	pending int // operators that wait in it
}

// checkText refuses what is not text, before anything reads it.
func checkText(src []byte, file string, lim Limits) *SyntaxError {
	if len(src) > lim.SourceBytes {
		return &SyntaxError{file, 1, fmt.Sprintf("the file has %d bytes, and may have %d", len(src), lim.SourceBytes)}
	}
	line := func(at int) int { return 1 + bytes.Count(src[:at], []byte("\n")) }
	if at := bytes.IndexByte(src, 0); at >= 0 {
		return &SyntaxError{file, line(at), "the file holds a zero byte"}
	}
	for at := 0; at < len(src); {
		r, size := utf8.DecodeRune(src[at:])
		if r == utf8.RuneError && size == 1 {
			return &SyntaxError{file, line(at), "the file is not UTF-8 text"}
		}
		at += size
	}
	return nil
}

// scan runs over all tokens.
func (s *scanner) scan() *SyntaxError {
	s.line, s.open = 1, []opening{{}}
	for s.err == nil && s.at < len(s.src) {
		s.token()
	}
	return s.err
}

func (s *scanner) fail(line int, format string, args ...any) {
	if s.err == nil {
		s.err = &SyntaxError{s.file, line, fmt.Sprintf(format, args...)}
	}
}

// unclosed is what is still open at the end of the file: where the author forgot an "end".
func (s *scanner) unclosed() (opening, bool) {
	if len(s.open) < 2 {
		return opening{}, false
	}
	return s.open[len(s.open)-1], true
}

func (s *scanner) peek(n int) byte {
	if s.at+n >= len(s.src) {
		return 0
	}
	return s.src[s.at+n]
}

// token reads one token, comment, or stretch of white space.
func (s *scanner) token() {
	c := s.src[s.at]
	switch {
	case c == ' ' || c == '\t':
		s.at++
	case c == '\n' || c == '\r':
		s.newline()
	case c == '-' && s.peek(1) == '-':
		s.comment()
	default:
		if s.tokens++; s.tokens > s.lim.Nodes {
			s.fail(s.line, "the file has more than %d tokens", s.lim.Nodes)
			return
		}
		s.word(c)
	}
}

func (s *scanner) word(c byte) {
	switch {
	case isLetter(c):
		s.name()
	case isDigit(c), c == '.' && isDigit(s.peek(1)):
		s.number()
	case c == '"' || c == '\'':
		s.quoted(c)
	case c == '[' && (s.peek(1) == '[' || s.peek(1) == '='):
		s.long("string")
	default:
		s.operator(c)
	}
}

func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isHexDigit(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isLetter(c byte) bool   { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }

// newline passes one line end; CR LF and LF CR are one.
func (s *scanner) newline() {
	c := s.src[s.at]
	s.at++
	s.line++
	if next := s.peek(0); next != c && (next == '\n' || next == '\r') {
		s.at++
	}
}

// skip passes n bytes that may hold line ends.
func (s *scanner) skip(n int) {
	for end := s.at + n; s.at < end; {
		if c := s.src[s.at]; c == '\n' || c == '\r' {
			s.newline()
		} else {
			s.at++
		}
	}
}

func (s *scanner) comment() {
	s.at += len("--")
	if s.peek(0) == '[' && (s.peek(1) == '[' || s.peek(1) == '=') {
		s.long("comment")
		return
	}
	if n := strings.IndexAny(s.src[s.at:], "\r\n"); n >= 0 {
		s.at += n
		return
	}
	s.at = len(s.src)
}

// long passes [[...]], with any number of equals signs between the brackets.
func (s *scanner) long(what string) {
	line, level := s.line, 0
	for s.at++; s.peek(0) == '='; s.at++ {
		level++
	}
	if s.peek(0) != '[' {
		s.fail(line, "a long %s needs \"[\" after its equals signs", what)
		return
	}
	s.at++
	end := "]" + strings.Repeat("=", level) + "]"
	n := strings.Index(s.src[s.at:], end)
	if n < 0 {
		s.fail(line, "a long %s begins here and does not end", what)
		return
	}
	s.skip(n + len(end))
}

func (s *scanner) quoted(quote byte) {
	line := s.line
	for s.at++; s.at < len(s.src); {
		switch c := s.src[s.at]; c {
		case quote:
			s.at++
			return
		case '\n', '\r':
			s.fail(line, "a string begins here and does not end on its line")
			return
		case '\\':
			s.at++
			if s.at < len(s.src) {
				s.skip(1)
			}
		default:
			s.at++
		}
	}
	s.fail(line, "a string begins here and does not end")
}

// number passes a numeral. gopher-lua reads some that are none as not-a-number, and swallows what follows an "e".
func (s *scanner) number() {
	start := s.at
	digits := func(is func(byte) bool) {
		for is(s.peek(0)) {
			s.at++
		}
	}
	if s.peek(0) == '0' && s.peek(1)|0x20 == 'x' {
		s.at += 2
		digits(isHexDigit)
	} else {
		digits(isDigit)
		if s.peek(0) == '.' {
			s.at++
			digits(isDigit)
		}
		if s.peek(0)|0x20 == 'e' {
			s.at++
			if sign := s.peek(0); sign == '+' || sign == '-' {
				s.at++
			}
			digits(isDigit)
		}
	}
	_, ok := parseNumber(s.src[start:s.at])
	if next := s.peek(0); !ok || isLetter(next) || isDigit(next) || next == '.' {
		s.fail(s.line, "malformed number near %s", shown(s.src[start:min(s.at+1, len(s.src))]))
	}
}
