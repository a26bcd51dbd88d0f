package all

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/yuin/gopher-lua/parse"
)

// conformity compares what a face says with what its Go does.
type conformity struct {
	*face
	binding  bindings.Binding
	handles  map[reflect.Type]string // a handle's value -> its class
	used     map[string]bool         // the classes that Go knows
	compared map[pair]bool
}

// pair is a struct and the class that it should be.
type pair struct {
	reflect.Type
	class string
}

// complaints is everything that a binding's face and its Go do not agree on, as "name.lua:line: text".
func complaints(b bindings.Binding, instance *bindings.Instance) []string {
	c := &conformity{
		face: readFace(b.Name+".lua", b.Face), binding: b,
		handles: map[reflect.Type]string{}, used: map[string]bool{b.Name + "lib": true}, compared: map[pair]bool{},
	}
	c.moduleItself()
	for _, h := range b.Handles {
		for _, m := range h.Methods {
			c.handles[reflect.TypeOf(m.Do).In(1)] = h.Name
		}
	}
	c.compareAll("", instance.Funcs)
	for _, h := range b.Handles {
		c.handle(h)
	}
	c.constants(instance.Values)
	c.leftovers()
	c.parseExamples()
	for i, p := range c.problems {
		c.problems[i] = b.Name + ".lua:" + p
	}
	slices.Sort(c.problems)
	return slices.Compact(c.problems)
}

func (c *conformity) moduleItself() {
	if !slices.Equal(c.names, []string{c.binding.Name}) {
		c.complain(1, "the module is called %q, its face declares %q", c.binding.Name, c.names)
	}
	if classes := c.module.all("class"); len(classes) != 1 || classes[0].name != c.binding.Name+"lib" {
		c.complain(c.module.line, "above %s = {} stands no ---@class %slib", c.binding.Name, c.binding.Name)
	}
	if !c.module.summarized() {
		c.complain(c.module.line, "the module has no summary: a sentence on one line, alone")
	}
	if len(c.module.examples) == 0 {
		c.complain(c.module.line, "the module has no example")
	}
}

// constants compares the values; one may be the only one of its class.
func (c *conformity) constants(inGo map[string]any) {
	c.same("the constant", 1, slices.Collect(maps.Keys(inGo)), slices.Collect(maps.Keys(c.values)))
	for _, above := range c.values {
		for _, class := range above.all("class") {
			c.used[class.name] = true
		}
	}
}

// same complains of what only Go has, and of what only the face has.
func (c *conformity) same(what string, line int, inGo, inFace []string) {
	for _, name := range inGo {
		if !slices.Contains(inFace, name) {
			c.complain(line, "%s %s is in Go, but not in the face", what, name)
		}
	}
	for _, name := range inFace {
		if !slices.Contains(inGo, name) {
			c.complain(line, "%s %s is in the face, but not in Go", what, name)
		}
	}
}

// compareAll compares the module's functions, or the methods of a class.
func (c *conformity) compareAll(class string, funcs map[string]bindings.Func) {
	prefix := ""
	if class != "" {
		prefix = class + ":"
	}
	declared := map[string]function{}
	for name, f := range c.functions {
		if owner, method, isMethod := strings.Cut(name, ":"); isMethod && owner == class {
			declared[method] = f
		} else if !isMethod && class == "" {
			declared[name] = f
		}
	}
	c.same("the function", 1, prefixed(prefix, maps.Keys(funcs)), prefixed(prefix, maps.Keys(declared)))
	for name, f := range funcs {
		if d, ok := declared[name]; ok {
			c.compare(prefix+name, f, d)
		}
	}
}

func prefixed(prefix string, names func(func(string) bool)) []string {
	var out []string
	for name := range names {
		out = append(out, prefix+name)
	}
	return out
}

// handle compares a handle's type; close is there without being in Go, and waits, as Describe has it.
func (c *conformity) handle(h bindings.HandleType) {
	if !slices.Contains(slices.Collect(maps.Values(c.tables)), h.Name) {
		c.complain(1, "no local table has the class %s", h.Name)
	}
	if _, own := h.Methods["close"]; own {
		c.complain(1, "%s has a close of its own in Go; every handle has one, which calls its value's Close", h.Name)
	}
	methods := maps.Clone(h.Methods)
	if methods == nil {
		methods = map[string]bindings.Func{}
	}
	methods["close"] = bindings.Func{Waits: true, Do: closing}
	c.used[h.Name] = true
	c.compareAll(h.Name, methods)
}

// leftovers complains of what nothing in Go stands behind.
func (c *conformity) leftovers() {
	for name, k := range c.classes {
		if !c.used[name] {
			c.complain(k.line, "nothing in Go is a %s", name)
		}
		for _, f := range k.fields {
			if !snake.MatchString(f.name) {
				c.complain(f.line, "%s.%s is not in snake_case", name, f.name)
			}
		}
	}
	for name, f := range c.functions {
		owner, method, isMethod := strings.Cut(name, ":")
		if !isMethod {
			owner, method = "", name
		}
		if !snake.MatchString(method) {
			c.complain(f.line, "%s is not in snake_case", name)
		}
		isHandle := func(h bindings.HandleType) bool { return h.Name == owner }
		if isMethod && !slices.ContainsFunc(c.binding.Handles, isHandle) {
			c.complain(f.line, "%s is a method of what is no handle", name)
		}
	}
}

var snake = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (c *conformity) parseExamples() {
	for _, e := range c.examples {
		if _, err := parse.Parse(strings.NewReader(e.code), "example"); err != nil {
			c.complain(e.line, "the example is no Lua: %v", err)
		}
	}
}
