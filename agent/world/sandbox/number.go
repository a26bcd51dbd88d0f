package sandbox

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxExact is the largest integer from which on a Lua number may skip integers.
const maxExact = 1 << 53

// FormatNumber is how tostring writes a number: an integer in full, as long as every integer is exact, and anything
// else as Lua 5.1 does, with 14 digits. (The reference writes integers past 14 digits with an exponent, which has
// cost many a script its identifiers.)
func FormatNumber(n lua.LNumber) string {
	f := float64(n)
	switch {
	case f == math.Trunc(f) && math.Abs(f) <= maxExact:
		return strconv.FormatInt(int64(f), 10)
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	return string(appendFloat(nil, f, 'g', 14, false))
}

// parseNumber reads a numeral as Lua does: decimal with a fraction and an exponent, or hexadecimal without. Unlike
// Go's it knows no underscores, no octal, no infinity; unlike gopher-lua's, 010 is ten.
func parseNumber(text string) (float64, bool) {
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 {
		return 0, false
	}
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		n, ok := parseDigits(digits[2:], 16)
		if text[0] == '-' {
			n = -n
		}
		return n, ok
	}
	if strings.Trim(digits, "0123456789.eE+-") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(n, 0) { // out of range is infinity, as in C
		return 0, false
	}
	return n, true
}

// parseDigits reads digits of a base up to 36.
func parseDigits(text string, base int) (n float64, ok bool) {
	for i := range len(text) {
		c, digit := text[i], 99
		switch {
		case isDigit(c):
			digit = int(c - '0')
		case c != '_' && isLetter(c):
			digit = int(c|0x20-'a') + 10
		}
		if digit >= base {
			return 0, false
		}
		n = n*float64(base) + float64(digit)
	}
	return n, text != ""
}

// trimSpace removes what C's isspace removes.
func trimSpace(text string) string { return strings.Trim(text, " \t\n\v\f\r") }

// toNumber is Lua's coercion to a number.
func toNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return parseNumber(trimSpace(string(v)))
	}
	return 0, false
}

// toText is Lua's coercion to a string.
func toText(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return FormatNumber(v), true
	}
	return "", false
}
