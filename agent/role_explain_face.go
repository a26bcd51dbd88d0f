package main

import (
	"regexp"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// promises are what the functions of modules say that they return when all goes well, as their faces have it.
type promises struct {
	returns map[string]string             // "process.run" or "process.Child:read" -> type
	fields  map[string]map[string]string  // class -> field -> type, without those that may be missing
	parents map[string]string             // class -> the class that it extends
	handles map[string]bool               // classes of handles
	special map[string]map[string]float64 // class -> field -> what success is called there
}

var (
	faceClass  = regexp.MustCompile(`^---@class ([\w.]+)(?::\s*([\w.]+))?`)
	faceField  = regexp.MustCompile(`^---@field (\w+)(\??)\s+(\S+)`)
	faceLocal  = regexp.MustCompile(`^local (\w+) = `)
	faceReturn = regexp.MustCompile(`^---@return (\S+)`)
	faceAny    = regexp.MustCompile(`^function (\w+)([.:])(\w+)\(`)
)

func readPromises(list []bindings.Binding) promises {
	p := promises{
		returns: map[string]string{}, fields: map[string]map[string]string{}, parents: map[string]string{}, handles: map[string]bool{},
		special: map[string]map[string]float64{"http.Answer": {"status": 200}},
	}
	for _, b := range list {
		for _, h := range b.Handles {
			p.handles[h.Name] = true
		}
		p.read(b.Face)
	}
	return p
}

func (p promises) read(face string) {
	class, classOf, returned := "", map[string]string{}, ""
	for line := range strings.Lines(face) {
		if m := faceClass.FindStringSubmatch(line); m != nil {
			class = m[1]
			p.fields[class], p.parents[class] = map[string]string{}, m[2]
		} else if m := faceField.FindStringSubmatch(line); m != nil && m[2] == "" && class != "" {
			p.fields[class][m[1]] = m[3]
		} else if m := faceLocal.FindStringSubmatch(line); m != nil {
			classOf[m[1]] = class
		} else if m := faceReturn.FindStringSubmatch(line); m != nil && returned == "" {
			returned = m[1]
		} else if m := faceAny.FindStringSubmatch(line); m != nil {
			owner := m[1]
			if m[2] == ":" {
				owner = classOf[owner]
			}
			p.returns[owner+m[2]+m[3]] = returned
		}
		if !strings.HasPrefix(line, "---") {
			returned = ""
		}
	}
}

// answer is what a function returns that did nothing, as if all had gone well. Text is none: a reader then comes to
// the end at once. handle makes a handle of a class.
func (p promises) answer(function string, handle func(class string) any) any {
	typ := strings.TrimSuffix(p.returns[function], "?")
	if typ == "string" {
		return nil
	}
	return p.plain(typ, handle)
}

func (p promises) plain(typ string, handle func(string) any) any {
	switch {
	case p.handles[typ]:
		return handle(typ)
	case typ == "true":
		return true
	case typ == "boolean":
		return false
	case typ == "string":
		return ""
	case typ == "integer", typ == "number":
		return 0.0
	case strings.HasSuffix(typ, "[]"), strings.HasPrefix(typ, "table<"):
		return map[string]any{}
	case p.fields[typ] == nil:
		return nil
	}
	object := map[string]any{}
	for class := typ; class != ""; class = p.parents[class] {
		for name, t := range p.fields[class] {
			object[name] = p.plain(t, handle)
		}
		for name, v := range p.special[class] {
			object[name] = v
		}
	}
	return object
}
