package world

import (
	"fmt"
	"reflect"
	"time"

	lua "github.com/yuin/gopher-lua"
	luar "layeh.com/gopher-luar"
)

// events is the object that register_events receives.
type events struct{ world *World }

// handler is one function that waits for an event, and how long it may take in all.
type handler struct {
	run    *lua.LFunction
	within time.Duration
}

// On is events:on(name, handler, options).
func (e *events) On(L *luar.LState) int {
	name, run := L.CheckString(1), L.CheckFunction(2) // gopher-luar has taken the receiver off
	within, err := e.world.within(L.Get(3))
	if err != nil {
		L.RaiseError("events:on(%q): %v", name, err)
	}
	if !e.world.loading {
		L.RaiseError("events:on is for register_events: a role's subscriptions are fixed once it serves")
	}
	e.world.handlers[name] = append(e.world.handlers[name], handler{run, within})
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

// within is the time that the options of events:on ask for.
func (w *World) within(options lua.LValue) (time.Duration, error) {
	if options == lua.LNil {
		return w.limits.Within, nil
	}
	table, ok := options.(*lua.LTable)
	if !ok {
		return 0, fmt.Errorf("the options are a %s, not a table", options.Type())
	}
	within := w.limits.Within
	for key, value := lua.LValue(lua.LNil), lua.LValue(lua.LNil); ; {
		if key, value = table.Next(key); key == lua.LNil {
			return within, nil
		}
		if key != lua.LString("within") {
			return 0, fmt.Errorf("no option %q: there is within", lua.LVAsString(key))
		}
		seconds, ok := value.(lua.LNumber)
		if most := w.limits.Most.Seconds(); !ok || !(seconds > 0 && float64(seconds) <= most) {
			return 0, fmt.Errorf("within must be a number of seconds above 0, at most %g", most)
		}
		within = time.Duration(float64(seconds) * float64(time.Second))
	}
}
