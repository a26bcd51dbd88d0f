package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// Chunk is the syntax tree of one file that passed all checks.
type Chunk struct {
	file      string
	body      []ast.Stmt
	lastLine  int
	requires  []string
	misplaced []Literal // assignments to ROLE_* that are not at the top level
}

// Parse reads one file and checks it, running nothing. What it refuses, it refuses with a *SyntaxError.
func Parse(src []byte, file string, lim Limits) (*Chunk, error) {
	prepare()
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // Notepad's greeting
	if err := checkText(src, file, lim); err != nil {
		return nil, err
	}
	s := scanner{file: file, src: string(src), lim: lim}
	if err := s.scan(); err != nil {
		return nil, err
	}
	body, err := parseTree(&s)
	if err != nil {
		return nil, err
	}
	c := &Chunk{file: file, body: body, lastLine: s.line}
	if err := check(c, lim); err != nil {
		return nil, err
	}
	return c, nil
}

// parseTree runs gopher-lua's parser.
func parseTree(s *scanner) (body []ast.Stmt, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &SyntaxError{s.file, 1, fmt.Sprintf("the parser failed: %v", p)}
		}
	}()
	body, err = parse.Parse(strings.NewReader(s.src), s.file)
	var wrong *parse.Error
	switch {
	case errors.As(err, &wrong):
		return nil, s.explain(wrong)
	case err != nil:
		return nil, &SyntaxError{s.file, 1, fmt.Sprintf("the parser failed: %v", err)}
	case body == nil: // it swallows what it panics with, unless that is an error
		return nil, &SyntaxError{s.file, 1, "the parser failed"}
	}
	return body, nil
}

// explain puts the parser's complaint into words for the author.
func (s *scanner) explain(e *parse.Error) *SyntaxError {
	if e.Pos.Line != parse.EOF {
		return &SyntaxError{s.file, e.Pos.Line, fmt.Sprintf("%s near %s", e.Message, shown(e.Token))}
	}
	if open, ok := s.unclosed(); ok {
		return &SyntaxError{s.file, s.line, fmt.Sprintf("the file ends, but %q of line %d is not closed", open.what, open.line)}
	}
	return &SyntaxError{s.file, s.line, "the file ends within a statement"}
}
