package sandbox

import (
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// osFuncs are what of the os library touches nothing: the clock.
func (e *Env) osFuncs() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"clock": e.osClock, "date": e.osDate, "difftime": osDiffTime, "time": e.osTime}
}

// osClock is the time since the world began: a world does not know its processor time.
func (e *Env) osClock(L *lua.LState) int {
	L.Push(lua.LNumber(e.hooks.Now().Sub(e.started).Seconds()))
	return 1
}

func osDiffTime(L *lua.LState) int {
	earlier := 0.0
	if !absent(L, 2) {
		earlier = number(L, 2)
	}
	L.Push(lua.LNumber(number(L, 1) - earlier))
	return 1
}

// osTime is the time now, or that of the fields of a table in the zone of os.date. It takes daylight saving from the
// zone's rules, and does not read isdst.
func (e *Env) osTime(L *lua.LState) int {
	if absent(L, 1) {
		L.Push(lua.LNumber(e.hooks.Now().Unix()))
		return 1
	}
	t := table(L, 1)
	field := func(name string, otherwise int) int {
		n, ok := toNumber(t.RawGetString(name))
		if !ok && otherwise < 0 {
			L.RaiseError("field '%s' missing in date table", name)
		}
		if !ok {
			return otherwise
		}
		return clamp(max(min(n, 1<<31), -1<<31)) // as far as C's int
	}
	then := time.Date(field("year", -1), time.Month(field("month", -1)), field("day", -1),
		field("hour", 12), field("min", 0), field("sec", 0), 0, e.hooks.Now().Location())
	L.Push(lua.LNumber(then.Unix()))
	return 1
}

func (e *Env) osDate(L *lua.LState) int {
	format := "%c"
	if !absent(L, 1) {
		format = text(L, 1)
	}
	t := e.hooks.Now()
	if !absent(L, 2) {
		t = time.Unix(int64(integer(L, 2)), 0).In(t.Location())
	}
	format, utc := strings.CutPrefix(format, "!")
	if utc {
		t = t.UTC()
	}
	if strings.HasPrefix(format, "*t") {
		L.Push(dateTable(L, t))
		return 1
	}
	out := []byte{}
	for i := 0; i < len(format); i++ {
		e.fits(L, len(out))
		if format[i] != '%' || i+1 == len(format) {
			out = append(out, format[i])
			continue
		}
		i++
		if out = appendDate(out, t, format[i]); out == nil {
			L.RaiseError("invalid conversion %s in a date format", shown(format[i-1:i+1]))
		}
	}
	L.Push(lua.LString(out))
	return 1
}

func dateTable(L *lua.LState, t time.Time) *lua.LTable {
	date := L.CreateTable(0, 0)
	for name, n := range map[string]int{
		"year": t.Year(), "month": int(t.Month()), "day": t.Day(), "hour": t.Hour(), "min": t.Minute(), "sec": t.Second(),
		"wday": int(t.Weekday()) + 1, "yday": t.YearDay(),
	} {
		date.RawSetString(name, lua.LNumber(n))
	}
	date.RawSetString("isdst", lua.LBool(t.IsDST()))
	return date
}

// appendDate is C's strftime in its own locale, for the conversions of C99 but those of week-numbered years. It gives
// nil for any other.
func appendDate(out []byte, t time.Time, conversion byte) []byte {
	if layout := dateLayout(conversion); layout != "" {
		return t.AppendFormat(out, layout)
	}
	week, days := -1, t.YearDay()+6
	switch conversion {
	case 'U': // weeks that begin on Sunday
		week = (days - int(t.Weekday())) / 7
	case 'W': // weeks that begin on Monday
		week = (days - (int(t.Weekday())+6)%7) / 7
	case 'w':
		return append(out, byte('0'+t.Weekday()))
	}
	if week < 0 {
		return nil
	}
	return append(out, byte('0'+week/10), byte('0'+week%10))
}

// dateLayouts are conversions and what package time calls them.
const dateLayouts = "aMon|AMonday|bJan|BJanuary|cMon Jan _2 15:04:05 2006|d02|D01/02/06|e_2|F2006-01-02|hJan|H15|I03|j002|" +
	"m01|M04|n\n|pPM|r03:04:05 PM|R15:04|S05|t\t|T15:04:05|x01/02/06|X15:04:05|y06|Y2006|z-0700|ZMST|%%|"

func dateLayout(conversion byte) string {
	for rest := dateLayouts; rest != ""; {
		layout, after, _ := strings.Cut(rest, "|")
		if layout[0] == conversion {
			return layout[1:]
		}
		rest = after
	}
	return ""
}
