package sandbox

import (
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/world/pattern"
	lua "github.com/yuin/gopher-lua"
)

// search is a pattern at work on a subject.
type search struct {
	*pattern.Matcher
	pattern *pattern.Pattern
	subject string
}

func (e *Env) search(L *lua.LState, subject, text string) search {
	p, err := pattern.Compile(text)
	if err != nil {
		L.RaiseError("%s", err)
	}
	return search{p.On(subject, e.budget(L)), p, subject}
}

func (e *Env) budget(L *lua.LState) pattern.Budget {
	return pattern.Budget{Steps: e.lim.PatternSteps, Check: func() error { return e.ended(L) }}
}

// capture is capture i of a match from start to end; without captures, the whole match is the first one.
func (s search) capture(L *lua.LState, i, start, end int) lua.LValue {
	if i >= s.pattern.Captures() {
		if i > 0 {
			L.RaiseError("%s", pattern.ErrIndex)
		}
		return part(s.subject, start, end)
	}
	from, to, position := s.Capture(i)
	if position {
		return lua.LNumber(from + 1)
	}
	return part(s.subject, from, to)
}

// push pushes all captures of a match.
func (s search) push(L *lua.LState, start, end int) int {
	n := max(s.pattern.Captures(), 1)
	for i := range n {
		L.Push(s.capture(L, i, start, end))
	}
	return n
}

func (e *Env) stringFind(L *lua.LState) int {
	return e.find(L, func(s search, start, end int) int {
		L.Push(lua.LNumber(start + 1))
		L.Push(lua.LNumber(end))
		if s.pattern == nil || s.pattern.Captures() == 0 {
			return 2
		}
		return 2 + s.push(L, start, end)
	}, true)
}

func (e *Env) stringMatch(L *lua.LState) int {
	return e.find(L, func(s search, start, end int) int { return s.push(L, start, end) }, false)
}

// find looks for the first match and has it reported. Only find, not match, may take its pattern literally.
func (e *Env) find(L *lua.LState, report func(s search, start, end int) int, literally bool) int {
	subject, what := text(L, 1), text(L, 2)
	from := min(max(relative(integerOr(L, 3, 1), len(subject))-1, 0), len(subject))
	if literally && (lua.LVAsBool(L.Get(4)) || !strings.ContainsAny(what, "^$*+?.([%-")) {
		if at := strings.Index(subject[from:], what); at >= 0 {
			return report(search{}, from+at, from+at+len(what))
		}
		L.Push(lua.LNil)
		return 1
	}
	s := e.search(L, subject, what)
	start, end, err := s.Find(from)
	if err != nil {
		L.RaiseError("%s", err)
	}
	if start < 0 {
		L.Push(lua.LNil)
		return 1
	}
	return report(s, start, end)
}

func (e *Env) stringGmatch(L *lua.LState) int {
	subject, what := text(L, 1), text(L, 2)
	if strings.HasPrefix(what, "^") {
		what = "%" + what // here it stands for itself
	}
	s, from := e.search(L, subject, what), 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		s.Refill(e.budget(L))
		start, end, err := s.Find(from)
		if err != nil {
			L.RaiseError("%s", err)
		}
		if start < 0 {
			from = len(subject) + 1
			return 0
		}
		if from = end; end == start {
			from++
		}
		return s.push(L, start, end)
	}))
	return 1
}
