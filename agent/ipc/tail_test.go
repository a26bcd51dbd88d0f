package ipc

import (
	"fmt"
	"strings"
	"testing"
)

func TestATailKeepsTheEnd(t *testing.T) {
	var tail Tail
	for n := range 1000 {
		fmt.Fprintf(&tail, "line %d\n", n)
	}
	said := tail.String()
	if !strings.HasSuffix(said, "line 998\nline 999") || len(said) > tailBytes || len(said) < tailBytes/2 {
		t.Errorf("%d bytes: %q", len(said), said)
	}
}
