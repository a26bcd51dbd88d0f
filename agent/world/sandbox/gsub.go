package sandbox

import (
	lua "github.com/yuin/gopher-lua"
)

// replacing is one gsub at work.
type replacing struct {
	search
	env  *Env
	L    *lua.LState
	with lua.LValue
	out  []byte
}

func (e *Env) stringGsub(L *lua.LState) int {
	subject, what := text(L, 1), text(L, 2)
	r := replacing{search: e.search(L, subject, what), env: e, L: L, with: L.Get(3)}
	switch r.with.(type) {
	case lua.LString, lua.LNumber, *lua.LTable, *lua.LFunction:
	default:
		typeError(L, 3, "string/function/table")
	}
	count := r.run(integerOr(L, 4, len(subject)+1))
	L.Push(lua.LString(r.out))
	L.Push(lua.LNumber(count))
	return 2
}

// run replaces up to most matches and says how many it did.
func (r *replacing) run(most int) (count int) {
	at := 0
	for count < most {
		end, err := r.At(at)
		if err != nil {
			r.L.RaiseError("%s", err)
		}
		if end >= 0 {
			count++
			r.replace(at, end)
		}
		switch {
		case end > at:
			at = end
		case at < len(r.subject):
			r.add(r.subject[at : at+1])
			at++
		default:
			return count
		}
		if r.pattern.Anchored() {
			break
		}
	}
	r.add(r.subject[at:])
	return count
}

func (r *replacing) add(s string) {
	r.env.fits(r.L, len(r.out)+len(s))
	r.out = append(r.out, s...)
}

func (r *replacing) replace(start, end int) {
	var value lua.LValue
	switch with := r.with.(type) {
	case *lua.LTable:
		value = r.L.GetTable(with, r.capture(r.L, 0, start, end))
	case *lua.LFunction:
		r.L.Push(with)
		r.L.Call(r.push(r.L, start, end), 1)
		value = r.L.Get(-1)
		r.L.Pop(1)
	default:
		r.template(start, end)
		return
	}
	s, ok := toText(value)
	switch {
	case !lua.LVAsBool(value):
		s = r.subject[start:end]
	case !ok:
		r.L.RaiseError("invalid replacement value (a %s)", value.Type())
	}
	r.add(s)
}

// template adds a replacement that is a string: in it, %0 is the match, %1 to %9 are the captures, and % stands before
// what it stands for.
func (r *replacing) template(start, end int) {
	with, _ := toText(r.with)
	for i := 0; i < len(with); i++ {
		c := with[i]
		if c != '%' {
			r.add(with[i : i+1])
			continue
		}
		i++
		switch {
		case i == len(with):
			r.L.RaiseError("malformed replacement (ends with '%%')")
		case with[i] == '0':
			r.add(r.subject[start:end])
		case isDigit(with[i]):
			s, _ := toText(r.capture(r.L, int(with[i]-'1'), start, end))
			r.add(s)
		default:
			r.add(with[i : i+1])
		}
	}
}
