package reload

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAThousandReloadsLeaveNothing brings four roles to life again 250 times, under a steady stream of events. No event
// is lost or handled twice, and afterwards the core holds what it held before.
func TestAThousandReloadsLeaveNothing(t *testing.T) {
	s := newStorm(t)
	before := s.takeStock()
	stream := s.stream(5 * time.Millisecond)
	for range 250 {
		pids := map[string]int{}
		for _, now := range s.reload.Status() {
			pids[now.File] = now.PID
		}
		s.reload.Renew(nil)
		for file, pid := range pids {
			s.until(file, func(now Status) bool { return now.State == Running && now.PID != pid })
		}
	}
	stream.stop()
	var after stock
	s.until(s.sheets[0].file, func(Status) bool { // the last old versions are on their way out
		after = s.takeStock()
		return after.countable == before.countable
	})
	t.Logf("before %+v, after %+v", before, after)
	if grown := after.heap - before.heap; grown > 2<<20 {
		t.Errorf("the core holds %d bytes more", grown)
	}
	if before.workers != 4 || before.handles != 4 {
		t.Errorf("four roles were counted wrongly: %+v", before)
	}
}

// stock is what this process holds.
type stock struct {
	countable
	heap int
}

type countable struct{ goroutines, descriptors, workers, handles int }

func (s *storm) takeStock() stock {
	s.t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		s.t.Fatal(err)
	}
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return stock{
		countable: countable{runtime.NumGoroutine(), len(open), s.children(), int(s.kept.Load())},
		heap:      int(mem.HeapAlloc),
	}
}

// children counts the processes that this one has.
func (s *storm) children() (n int) {
	s.t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		s.t.Fatal(err)
	}
	own := strconv.Itoa(os.Getpid())
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil { // it has ended
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == own {
			n++
		}
	}
	return n
}
