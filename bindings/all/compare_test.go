package all

import (
	"reflect"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// compare holds one function's declaration to its Go.
func (c *conformity) compare(name string, f bindings.Func, d function) {
	if !d.summarized() {
		c.complain(d.line, "%s has no summary: a sentence on one line, alone", name)
	}
	if d.async != f.Waits {
		c.complain(d.line, "%s: ---@async is %v, Waits is %v", name, d.async, f.Waits)
	}
	s, err := signatureOf(f.Do, strings.Contains(name, ":"))
	if err != nil {
		c.complain(d.line, "%s: %v", name, err)
		return
	}
	isClose := strings.HasSuffix(name, ":close")
	c.params(name, s, d)
	c.returns(name, s, d, isClose)
}

func (c *conformity) params(name string, s signature, d function) {
	var documented []string
	for _, p := range d.params {
		documented = append(documented, p.name)
		if !snake.MatchString(p.name) {
			c.complain(p.line, "%s: the parameter %s is not in snake_case", name, p.name)
		}
	}
	if !slices.Equal(documented, d.names) {
		c.complain(d.line, "%s(%s) has ---@param for (%s)", name, strings.Join(d.names, ", "), strings.Join(documented, ", "))
		return
	}
	if len(d.params) != len(s.args) {
		c.complain(d.line, "%s takes %d arguments in the face, %d in Go", name, len(d.params), len(s.args))
		return
	}
	for i, p := range d.params {
		c.param(name, s.args[i], p)
	}
}

func (c *conformity) param(name string, arg reflect.Type, p tag) {
	if !c.fits(arg, p.typ, asOptions) {
		c.complain(p.line, "%s: %s is a %s in the face, a %s in Go", name, p.name, p.typ, arg)
		return
	}
	mayLack := arg.Kind() == reflect.Pointer && c.handles[arg] == ""
	if isOptions(arg) {
		mayLack = !slices.ContainsFunc(c.fieldsOf(p.typ), func(f tag) bool { return !f.optional })
	}
	if arg != anyType && p.optional != mayLack {
		c.complain(p.line, "%s: that %s may be left out is %v in the face, %v in Go", name, p.name, p.optional, mayLack)
	}
}

// returns holds to the two shapes of a result: alone when nothing can fail, else with a message and a code.
func (c *conformity) returns(name string, s signature, d function, isClose bool) {
	switch len(d.returns) {
	case 1:
		if s.fails && !isClose {
			c.complain(d.line, "%s can fail, but has one ---@return", name)
		}
	case 3:
		for i, want := range []string{"message", "code"} {
			if r := d.returns[i+1]; r.typ != "string" || !r.optional || r.name != want {
				c.complain(r.line, "%s: ---@return string? %s expected", name, want)
			}
		}
		if !d.returns[0].optional {
			c.complain(d.returns[0].line, "%s can fail, so its result is %s?", name, d.returns[0].typ)
		}
	default:
		c.complain(d.line, "%s has %d ---@return; one, or three when it can fail, expected", name, len(d.returns))
		return
	}
	if r := d.returns[0]; !c.fits(s.result, r.typ, asResult) {
		c.complain(r.line, "%s returns a %s in the face, a %s in Go", name, r.typ, s.result)
	}
}
