package all

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// direction says which way a struct's values go, which decides what may be left out of it.
type direction bool

const (
	asOptions direction = false
	asResult  direction = true
)

// fits reports whether a Go type and a LuaCATS type are roughly the same. What it finds in the fields of a class, it
// complains of itself.
func (c *conformity) fits(t reflect.Type, typ string, dir direction) bool {
	for _, member := range members(typ) {
		if target, ok := c.aliases[member]; ok {
			if !c.fits(t, target, dir) {
				return false
			}
			continue
		}
		if !c.fitsOne(t, member, dir) {
			return false
		}
	}
	return typ != ""
}

// members splits a union, but not within brackets or quotes.
func members(typ string) []string {
	var out []string
	depth, quoted, start := 0, false, 0
	for i, r := range typ {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case strings.ContainsRune("<({", r):
			depth++
		case strings.ContainsRune(">)}", r):
			depth--
		case r == '|' && depth == 0:
			out, start = append(out, typ[start:i]), i+1
		}
	}
	return append(out, typ[start:])
}

func (c *conformity) fitsOne(t reflect.Type, typ string, dir direction) bool {
	if inner, ok := strings.CutPrefix(typ, "("); ok && strings.HasSuffix(inner, ")") {
		return c.fits(t, strings.TrimSuffix(inner, ")"), dir)
	}
	switch {
	case t == anyType:
		c.use(typ)
		return true
	case c.handles[t] != "":
		return typ == c.handles[t]
	case t == handleType:
		return slices.ContainsFunc(c.binding.Handles, func(h bindings.HandleType) bool { return h.Name == typ })
	case t == callbackType:
		return strings.HasPrefix(typ, "fun(")
	case t == reflect.TypeFor[time.Duration]() || t == reflect.TypeFor[time.Time]():
		return typ == "number"
	}
	return c.fitsKind(t, typ, dir)
}

func (c *conformity) fitsKind(t reflect.Type, typ string, dir direction) bool {
	switch t.Kind() {
	case reflect.Pointer:
		return c.fits(t.Elem(), typ, dir)
	case reflect.Bool:
		return typ == "boolean" || typ == "true" || typ == "false"
	case reflect.Float32, reflect.Float64:
		return typ == "number"
	case reflect.String:
		return isString(typ)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return isString(typ)
		}
		element, ok := strings.CutSuffix(typ, "[]")
		return ok && c.fits(t.Elem(), element, dir)
	case reflect.Map:
		element, ok := strings.CutPrefix(typ, "table<string, ")
		return ok && c.fits(t.Elem(), strings.TrimSuffix(element, ">"), dir)
	case reflect.Struct:
		return c.structure(t, typ, dir)
	case reflect.Interface: // another binding's handle
		return strings.Contains(typ, ".")
	}
	return t.ConvertibleTo(reflect.TypeFor[int]()) && (typ == "integer" || typ == "number")
}

func isString(typ string) bool { return typ == "string" || strings.HasPrefix(typ, `"`) }

// use notes that Go knows a class, its parents included.
func (c *conformity) use(name string) (known bool) {
	for name != "" {
		k, ok := c.classes[name]
		if !ok {
			return known
		}
		c.used[name], known, name = true, true, k.parent
	}
	return known
}

// fieldsOf is the fields of a class and of its parents; the class's own word counts.
func (c *conformity) fieldsOf(name string) []tag {
	var out []tag
	for name != "" {
		for _, f := range c.classes[name].fields {
			if !slices.ContainsFunc(out, func(have tag) bool { return have.name == f.name }) {
				out = append(out, f)
			}
		}
		name = c.classes[name].parent
	}
	return out
}

// structure compares a struct's tags with a class's fields, both ways.
func (c *conformity) structure(t reflect.Type, name string, dir direction) bool {
	if !c.use(name) {
		return false
	}
	if pair := (pair{t, name}); c.compared[pair] {
		return true // or being compared
	} else {
		c.compared[pair] = true
	}
	inGo := map[string]reflect.StructField{}
	var tags, documented []string
	for _, f := range reflect.VisibleFields(t) {
		if tag := f.Tag.Get("lua"); tag != "" {
			inGo[tag] = f
			tags = append(tags, tag)
		}
	}
	for _, f := range c.fieldsOf(name) {
		documented = append(documented, f.name)
		if g, ok := inGo[f.name]; ok {
			c.field(name, g, f, dir)
		}
	}
	c.same("in "+name+" the field", c.classes[name].line, tags, documented)
	return true
}

func (c *conformity) field(class string, g reflect.StructField, f tag, dir direction) {
	where := class + "." + f.name
	if !c.fits(g.Type, f.typ, dir) {
		c.complain(f.line, "%s is a %s in the face, a %s in Go", where, f.typ, g.Type)
	}
	stated, inTag := statedDefault(f.text), g.Tag.Get("default")
	if stated != inTag {
		c.complain(f.line, "%s: the face states the default %q, the tag %q", where, stated, inTag)
	}
	if inTag != "" && !readable(g.Type, inTag) {
		c.complain(f.line, "%s: the default %q is no %s", where, inTag, g.Type)
	}
	switch mayLack := g.Type.Kind() == reflect.Pointer && c.handles[g.Type] == ""; {
	case dir == asResult && g.Type != anyType && f.optional != mayLack:
		c.complain(f.line, "%s: that it may be missing is %v in the face, %v in Go", where, f.optional, mayLack)
	case dir == asOptions && inTag != "" && !f.optional:
		c.complain(f.line, "%s has a default, so it is %s? in the face", where, f.name)
	}
}

// statedDefault is what a field's text ends with as "Default X.", without quotes.
func statedDefault(text string) string {
	_, value, ok := strings.Cut(text, "Default ")
	if !ok {
		return ""
	}
	value, ok = strings.CutSuffix(value, ".")
	if !ok {
		return "(a text that does not end in a full stop)"
	}
	return strings.Trim(value, `"`)
}

// readable reports whether a default tag can be what its field is.
func readable(t reflect.Type, text string) bool {
	_, notNumber := strconv.ParseFloat(text, 64)
	_, notBool := strconv.ParseBool(text)
	switch t.Kind() {
	case reflect.Bool:
		return notBool == nil && notNumber != nil
	case reflect.String:
		return notNumber != nil && notBool != nil // else decode reads it as what it looks like
	}
	return notNumber == nil
}
