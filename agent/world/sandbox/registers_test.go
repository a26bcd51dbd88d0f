package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// series writes f(1), f(2), ... with commas.
func series(n int, f func(i int) string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = f(i + 1)
	}
	return strings.Join(list, ", ")
}

// TestRegisterEdges compiles functions that need about as many registers as there are. Each must be refused, or be
// right: past the last register, gopher-lua begins with the first again and says nothing.
func TestRegisterEdges(t *testing.T) {
	number := func(i int) string { return fmt.Sprint(i) }
	local := func(i int) string { return fmt.Sprintf("v%d", i) }
	shapes := map[string]func(n int) (statement, check string){
		"call": func(n int) (string, string) {
			return fmt.Sprintf("local a, b = count(%s)", series(n, number)), fmt.Sprintf("a == %d and b == %d", n, n)
		},
		"method": func(n int) (string, string) {
			return fmt.Sprintf("local a, b = o:count(%s)", series(n, number)), fmt.Sprintf("a == %d and b == %d", n, n)
		},
		// the compiler's own count of registers leaves closures out
		"closures": func(n int) (string, string) {
			return fmt.Sprintf("local a, b = count(%s)", series(n, func(i int) string { return fmt.Sprintf("function() return %d end", i) })), fmt.Sprintf("a == %d and b() == %d", n, n)
		},
		"concat": func(n int) (string, string) {
			return "local a = " + strings.ReplaceAll(series(n+1, func(int) string { return "'x'" }), ",", " .."), fmt.Sprintf("#a == %d", n+1)
		},
		"table": func(n int) (string, string) {
			return fmt.Sprintf("local a = { %s, count(1, 2) }", series(n, number)), fmt.Sprintf("a[%d] == %d and a[%d] == 2 and #a == %d", n, n, n+1, n+2)
		},
		"nested": func(n int) (string, string) {
			calls := (n + 9) / 10
			return "local a = " + strings.Repeat("count(1, 2, 3, 4, 5, 6, 7, 8, 9, ", calls) + "0" + strings.Repeat(")", calls), "a > 9"
		},
		"assignment": func(n int) (string, string) {
			return fmt.Sprintf("local t = {} %s = %s", series(n, func(i int) string { return fmt.Sprintf("t[%d]", i) }), series(n, number)), fmt.Sprintf("t[%d] == %d", n, n)
		},
		"return": func(n int) (string, string) {
			return fmt.Sprintf("local a, b = count((function() return %s end)())", series(n, number)), fmt.Sprintf("a == %d and b == %d", n, n)
		},
	}
	refused, run := 0, 0
	for name, shape := range shapes {
		for _, locals := range []int{1, 60, 150, 190, 196, 199, 200, 201, 250, 260} {
			for _, n := range []int{1, 3, 10, 49, 50, 51, 55, 60, 100, 150, 190, 195, 200, 250, 255, 256, 260, 300, 520} {
				statement, check := shape(n)
				source := fmt.Sprintf(`local function count(...) return select("#", ...), (select(-1, ...)) end
local o = { count = function(_, ...) return count(...) end }
return (function()
  local %s = %s
  do %s assert(%s) end
  assert(v1 == 1 and v%d == %d)
end)()`, series(locals, local), series(locals, number), statement, check, locals, locals)
				_, err := newBox(DefaultLimits()).run(t.Context(), source, "edge.lua")
				var syntax *SyntaxError
				switch {
				case err == nil:
					run++
				case errors.As(err, &syntax):
					refused++
				default:
					t.Errorf("%s of %d with %d locals: %v", name, n, locals, err)
				}
			}
		}
	}
	if refused < 100 || run < 100 {
		t.Errorf("%d refused, %d run: the edge is not where it is tried", refused, run)
	}
}
