package memory

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// resident is how much of this process is in memory, in KiB, as the kernel counts it.
func resident(t *testing.T) (kib int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("\nRss:"))
	if _, err := fmt.Sscan(string(rest), &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

func TestRestGivesBack(t *testing.T) {
	p := Thrift()
	if len(p.regions) == 0 {
		t.Fatal("the program was not found")
	}
	hoard := make([]byte, 32<<20)
	for i := range hoard {
		hoard[i] = byte(i)
	}
	before := resident(t)
	hoard = nil
	p.Rest()
	if after := resident(t); after > before-30<<10 {
		t.Errorf("%d KiB, then %d KiB", before, after)
	}
	if text := fmt.Sprint(p.regions); len(text) == 0 { // the program still runs
		t.Error("no text")
	}
}
