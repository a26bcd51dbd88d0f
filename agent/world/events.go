package world

import (
	"reflect"

	lua "github.com/yuin/gopher-lua"
	luar "layeh.com/gopher-luar"
)

// events is the object that register_events receives.
type events struct{ world *World }

// On is events:on(name, handler).
func (e *events) On(L *luar.LState) int {
	name, handler := L.CheckString(1), L.CheckFunction(2) // gopher-luar has taken the receiver off
	if !e.world.loading {
		L.RaiseError("events:on is for register_events: a role's subscriptions are fixed once it serves")
	}
	e.world.handlers[name] = append(e.world.handlers[name], handler)
	return 0
}

// eventsObject turns events into a Lua object with the one method that its face declares: by default gopher-luar
// would export whatever methods and writable fields a type happens to have.
func (w *World) eventsObject(L *lua.LState) lua.LValue {
	config := luar.GetConfig(L)
	config.FieldNames = func(reflect.Type, reflect.StructField) []string { return nil }
	config.MethodNames = func(t reflect.Type, m reflect.Method) []string {
		if t == reflect.TypeFor[*events]() && m.Name == "On" {
			return []string{"on"}
		}
		return nil
	}
	return luar.New(L, &events{w})
}
