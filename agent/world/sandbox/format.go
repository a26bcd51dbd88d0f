package sandbox

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// spec is one conversion of a format: "%", flags, width, precision, verb.
type spec struct {
	flags     string
	width     int
	precision int // -1: not given
	verb      byte
}

func (s spec) has(flag byte) bool { return strings.IndexByte(s.flags, flag) >= 0 }

// stringFormat is C's printf, as far as Lua 5.1 takes it.
func (e *Env) stringFormat(L *lua.LState) int {
	format := text(L, 1)
	var out []byte
	arg := 1
	for i := 0; i < len(format); i++ {
		switch {
		case format[i] != '%':
			out = append(out, format[i])
		case i+1 < len(format) && format[i+1] == '%':
			out = append(out, '%')
			i++
		default:
			s, length := readSpec(L, format[i+1:])
			i += length
			arg++
			out = e.convert(L, out, s, arg)
		}
		e.fits(L, len(out))
	}
	L.Push(lua.LString(out))
	return 1
}

// readSpec reads what follows a "%".
func readSpec(L *lua.LState, format string) (s spec, length int) {
	s.precision = -1
	rest := strings.TrimLeft(format, "-+ #0")
	if s.flags = format[:len(format)-len(rest)]; len(s.flags) > 5 {
		L.RaiseError("invalid format (repeated flags)")
	}
	digits := func() (n int) {
		after := strings.TrimLeft(rest, "0123456789")
		if len(rest)-len(after) > 2 {
			L.RaiseError("invalid format (width or precision too long)")
		}
		n, _ = strconv.Atoi(rest[:len(rest)-len(after)])
		rest = after
		return n
	}
	s.width = digits()
	if strings.HasPrefix(rest, ".") {
		rest = rest[1:]
		s.precision = digits()
	}
	if rest == "" {
		L.RaiseError("invalid option '%%' to 'format'")
	}
	s.verb = rest[0]
	return s, len(format) - len(rest) + 1
}

// convert appends one argument.
func (e *Env) convert(L *lua.LState, out []byte, s spec, arg int) []byte {
	switch s.verb {
	case 'c':
		return s.pad(out, string([]byte{byte(integer(L, arg))}))
	case 'd', 'i':
		return s.integer(out, clamp64(number(L, arg)))
	case 'o', 'u', 'x', 'X':
		return s.unsigned(out, uint64(clamp64(number(L, arg))))
	case 'e', 'E', 'f', 'g', 'G':
		return s.float(out, number(L, arg))
	case 'q':
		return e.quote(L, out, text(L, arg))
	case 's':
		return s.text(out, e.display(L, given(L, arg)))
	}
	L.RaiseError("invalid option '%%%s' to 'format'", strings.Trim(strconv.QuoteRune(rune(s.verb)), "'"))
	return nil
}

// clamp64 makes an integer of a number as C's cast does where it is defined.
func clamp64(n float64) int64 {
	switch {
	case math.IsNaN(n), n < math.MinInt64:
		return math.MinInt64
	case n >= math.MaxInt64:
		return math.MaxInt64
	}
	return int64(n)
}

// pad appends a text at the width, which counts bytes.
func (s spec) pad(out []byte, text string) []byte {
	space := strings.Repeat(" ", max(s.width-len(text), 0))
	if s.has('-') {
		return append(append(out, text...), space...)
	}
	return append(append(out, space...), text...)
}

func (s spec) text(out []byte, text string) []byte {
	if s.precision >= 0 {
		text = text[:min(s.precision, len(text))]
	}
	return s.pad(out, text)
}

// number appends a number's digits after its sign or prefix, with zeros between them if the flag says so.
func (s spec) number(out []byte, prefix, digits string, zeros bool) []byte {
	if zeros && s.has('0') && !s.has('-') {
		digits = strings.Repeat("0", max(s.width-len(prefix)-len(digits), 0)) + digits
	}
	return s.pad(out, prefix+digits)
}

func (s spec) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case s.has('+'):
		return "+"
	case s.has(' '):
		return " "
	}
	return ""
}

// precise fills an integer's digits up to the precision; zero has none of its own.
func (s spec) precise(digits string) string {
	if digits == "0" && s.precision == 0 {
		return ""
	}
	return strings.Repeat("0", max(s.precision-len(digits), 0)) + digits
}

func (s spec) integer(out []byte, n int64) []byte {
	digits := strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
	return s.number(out, s.sign(n < 0), s.precise(digits), s.precision < 0)
}

func (s spec) unsigned(out []byte, n uint64) []byte {
	base, prefix := 10, ""
	switch s.verb {
	case 'o':
		base = 8
	case 'x', 'X':
		base = 16
		if s.has('#') && n != 0 {
			prefix = "0x"
		}
	}
	digits := s.precise(strconv.FormatUint(n, base))
	if s.verb == 'o' && s.has('#') && !strings.HasPrefix(digits, "0") {
		digits = "0" + digits
	}
	if s.verb == 'X' {
		prefix, digits = strings.ToUpper(prefix), strings.ToUpper(digits)
	}
	return s.number(out, prefix, digits, s.precision < 0)
}

func (s spec) float(out []byte, n float64) []byte {
	precision := s.precision
	if precision < 0 {
		precision = 6
	}
	verb := s.verb | 0x20
	finite := !math.IsInf(n, 0) && !math.IsNaN(n)
	digits := "inf"
	switch {
	case math.IsNaN(n):
		digits = "nan"
	case finite:
		digits = string(appendFloat(nil, math.Abs(n), verb, precision, s.has('#')))
	}
	if s.verb != verb {
		digits = strings.ToUpper(digits)
	}
	return s.number(out, s.sign(math.Signbit(n) && !math.IsNaN(n)), digits, finite)
}

// appendFloat writes a finite number as C's printf does. With 'g', zero digits mean one; alternative keeps its zeros.
func appendFloat(out []byte, n float64, verb byte, precision int, alternative bool) []byte {
	format := "%." + strconv.Itoa(precision) + string(verb)
	if alternative {
		format = "%#" + format[1:]
	}
	return fmt.Appendf(out, format, n)
}

// quote appends a string so that Lua reads it back.
func (e *Env) quote(L *lua.LState, out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			out = append(out, '\\', c)
		case '\r':
			out = append(out, `\r`...)
		case 0:
			out = append(out, `\000`...)
		default:
			out = append(out, c)
		}
		e.every(L, i)
	}
	return append(out, '"')
}
