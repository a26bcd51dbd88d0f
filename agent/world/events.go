package world

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	lua "github.com/yuin/gopher-lua"
	luar "layeh.com/gopher-luar"
)

// events is the object that register_events receives.
type events struct{ world *World }

// handler is one function that waits for an event.
type handler struct {
	run *lua.LFunction
	options
}

// options are what events:on is told of a handler.
type options struct {
	within time.Duration // how long it may take in all
	atOnce int           // how many may be under way at a time; 0 has no bound of its own
}

// On is events:on(name, handler, options).
func (e *events) On(L *luar.LState) int {
	name, run := L.CheckString(1), L.CheckFunction(2) // gopher-luar has taken the receiver off
	o, err := e.world.options(L.Get(3))
	if err != nil {
		L.RaiseError("events:on(%q): %v", name, err)
	}
	if !e.world.loading {
		L.RaiseError("events:on is for register_events: a role's subscriptions are fixed once it serves")
	}
	e.world.handlers[name] = append(e.world.handlers[name], handler{run, o})
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

// options reads the last argument of events:on.
func (w *World) options(given lua.LValue) (o options, err error) {
	o.within = w.limits.Within
	if given == lua.LNil {
		return o, nil
	}
	table, ok := given.(*lua.LTable)
	if !ok {
		return o, fmt.Errorf("the options are a %s, not a table", given.Type())
	}
	for key, value := table.Next(lua.LNil); key != lua.LNil; key, value = table.Next(key) {
		switch key {
		case lua.LString("within"):
			o.within, err = w.within(value)
		case lua.LString("at_once"):
			o.atOnce, err = atOnce(value)
		default:
			err = fmt.Errorf("no option %q: there are at_once and within", lua.LVAsString(key))
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

func (w *World) within(value lua.LValue) (time.Duration, error) {
	seconds, ok := value.(lua.LNumber)
	if most := w.limits.Most.Seconds(); !ok || !(seconds > 0 && float64(seconds) <= most) {
		return 0, fmt.Errorf("within must be a number of seconds above 0, at most %g", most)
	}
	return time.Duration(float64(seconds) * float64(time.Second)), nil
}

func atOnce(value lua.LValue) (int, error) {
	n, ok := value.(lua.LNumber)
	if !ok || !(n >= 1 && n <= math.MaxInt16) || n != lua.LNumber(int(n)) {
		return 0, errors.New("at_once must be a whole number above 0")
	}
	return int(n), nil
}

// atOnce is the least that the handlers of each event ask for.
func (w *World) atOnce() map[string]int {
	bounds := map[string]int{}
	for event, handlers := range w.handlers {
		for _, h := range handlers {
			if have := bounds[event]; h.atOnce > 0 && (have == 0 || h.atOnce < have) {
				bounds[event] = h.atOnce
			}
		}
	}
	return bounds
}
