package bindings

import "maps"

// Module tells a role's world what a module offers, without the module: which functions there are and which wait.
type Module struct {
	Name string `cbor:"1,keyasint"`
	// Denied is set instead of the rest when the role may not use the module: what reading it raises.
	Denied  string             `cbor:"2,keyasint,omitempty"`
	Funcs   map[string]bool    `cbor:"3,keyasint,omitempty"` // name -> waits
	Values  map[string]any     `cbor:"5,keyasint,omitempty"`
	Handles map[string]Methods `cbor:"4,keyasint,omitempty"` // handle type -> its methods
}

// Methods maps a method's name to whether it waits.
type Methods map[string]bool

// Describe tells a world about every module of the list: what this set opened, and why the others are missing.
func (s *Set) Describe(list []Binding, grants Grants) []Module {
	var out []Module
	for _, b := range list {
		out = append(out, s.describe(b, grants))
	}
	return out
}

func (s *Set) describe(b Binding, grants Grants) Module {
	m := s.modules[b.Name]
	switch {
	case !grants.Has(b.Grant):
		return Module{Name: b.Name, Denied: "missing grant: add \"" + b.Grant + "\" to ROLE_GRANTS to use " + b.Name}
	case m == nil:
		return Module{Name: b.Name, Denied: b.Name + " is not supported on this machine"}
	}
	out := Module{Name: b.Name, Funcs: waits(m.Funcs), Values: m.Values, Handles: map[string]Methods{}}
	for _, t := range b.Handles {
		out.Handles[t.Name] = waits(t.Methods)
		out.Handles[t.Name][closeMethod] = true
	}
	return out
}

func waits(funcs map[string]Func) map[string]bool {
	return maps.Collect(func(yield func(string, bool) bool) {
		for name, f := range funcs {
			if !yield(name, f.Waits) {
				return
			}
		}
	})
}
