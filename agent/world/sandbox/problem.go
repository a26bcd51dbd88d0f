package sandbox

import (
	"fmt"
	"math"
)

// SyntaxError says where and why a file is refused.
type SyntaxError struct {
	File    string
	Line    int
	Message string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// shown is a piece of source as a message quotes it: whole if it is short.
func shown(text string) string {
	const most = 40
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

// clamp makes an integer of a number as C's cast does for all that fits, and stays in range for the rest.
func clamp(n float64) int {
	const most = 1 << 53
	switch {
	case math.IsNaN(n):
		return 0
	case n > most:
		return most
	case n < -most:
		return -most
	}
	return int(n)
}
