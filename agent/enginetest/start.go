package enginetest

import "testing"

// Start is New for a test: it ends the test when the Engine does not start, and the Engine when the test ends.
func Start(tb testing.TB, cfg Config) *Engine {
	tb.Helper()
	e, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Errorf("close the Engine: %v", err)
		}
	})
	return e
}
