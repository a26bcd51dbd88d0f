package sandbox

import (
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (e *Env) tableFuncs() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"concat": e.tableConcat, "insert": e.tableInsert, "maxn": e.tableMaxN, "remove": tableRemove, "sort": e.tableSort,
	}
}

func (e *Env) tableConcat(L *lua.LState) int {
	t, sep := table(L, 1), ""
	if !absent(L, 2) {
		sep = text(L, 2)
	}
	i, j := integerOr(L, 3, 1), 0
	if absent(L, 4) {
		j = t.Len()
	} else {
		j = integer(L, 4)
	}
	var b strings.Builder
	for k := i; k <= j; k++ {
		e.every(L, k-i)
		item := t.RawGet(lua.LNumber(k))
		s, ok := toText(item)
		if !ok {
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", item.Type(), k)
		}
		e.fits(L, b.Len()+len(s)+len(sep))
		b.WriteString(s)
		if k != j {
			b.WriteString(sep)
		}
	}
	L.Push(lua.LString(b.String()))
	return 1
}

// tableInsert raises for a place before the first, where the reference would shift for ever.
func (e *Env) tableInsert(L *lua.LState) int {
	t := table(L, 1)
	at := t.Len() + 1
	if at > e.lim.ArrayLen {
		L.RaiseError("table too large: it has %d items", at-1)
	}
	switch L.GetTop() {
	case 2:
	case 3:
		last := at
		if at = integer(L, 2); at < 1 {
			argError(L, 2, "position out of bounds")
		}
		for i := last; i > at; i-- {
			e.every(L, i)
			t.RawSetInt(i, t.RawGetInt(i-1))
		}
	default:
		L.RaiseError("wrong number of arguments to 'insert'")
	}
	t.RawSetInt(at, L.Get(-1))
	return 0
}

func tableRemove(L *lua.LState) int {
	t := table(L, 1)
	n := t.Len()
	at := integerOr(L, 2, n)
	if at < 1 || at > n {
		return 0
	}
	L.Push(t.Remove(at))
	return 1
}

func (e *Env) tableMaxN(L *lua.LState) int {
	most, i := 0.0, 0
	e.behind(table(L, 1)).ForEach(func(k, _ lua.LValue) {
		i++
		e.every(L, i)
		if n, ok := k.(lua.LNumber); ok {
			most = max(most, float64(n))
		}
	})
	L.Push(lua.LNumber(most))
	return 1
}

// tableSort sorts a copy and puts it back: an error on the way leaves the table as it was.
func (e *Env) tableSort(L *lua.LState) int {
	t := table(L, 1)
	s := &sorter{env: e, L: L}
	if !absent(L, 2) {
		s.less = function(L, 2)
	}
	n := t.Len()
	s.items = make([]lua.LValue, 0, n)
	for i := range n {
		s.items = append(s.items, t.RawGetInt(i+1))
	}
	sort.Sort(s)
	for i, item := range s.items {
		t.RawSetInt(i+1, item)
	}
	return 0
}

// sorter sorts by a Lua function, or by "<". A function that contradicts itself gets some order, never an error.
type sorter struct {
	env   *Env
	L     *lua.LState
	less  *lua.LFunction
	items []lua.LValue
	calls int
}

func (s *sorter) Len() int      { return len(s.items) }
func (s *sorter) Swap(i, j int) { s.items[i], s.items[j] = s.items[j], s.items[i] }

func (s *sorter) Less(i, j int) bool {
	s.calls++
	s.env.every(s.L, s.calls)
	if s.less == nil {
		return s.L.LessThan(s.items[i], s.items[j])
	}
	return lua.LVAsBool(call(s.L, s.less, s.items[i], s.items[j]))
}
