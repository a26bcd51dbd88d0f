package ipc

import (
	"fmt"
	"strings"
	"testing"
)

func TestWordsKeepTheBeginningAndTheEnd(t *testing.T) {
	var words Words
	fmt.Fprintln(&words, "fatal error: it was so")
	if said := words.String(); said != "fatal error: it was so" {
		t.Errorf("%q", said)
	}
	for n := range 1000 {
		fmt.Fprintf(&words, "line %d\n", n)
	}
	said := words.String()
	if !strings.HasPrefix(said, "fatal error: it was so\nline 0\n") || !strings.HasSuffix(said, "line 998\nline 999") ||
		strings.Count(said, "\n...\n") != 1 || len(said) > headBytes+tailBytes+5 {
		t.Errorf("%d bytes: %q", len(said), said)
	}
}
