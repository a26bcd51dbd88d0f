package reload

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkSaveToServed measures from the last byte of a save to the new version serving, with the times that are
// shipped: 50 ms of it are the settling.
func BenchmarkSaveToServed(b *testing.B) {
	f := watchFolder(b, func(c *Config) { c.Times = DefaultTimes() })
	f.save("role_a.lua", saying("a", "first"))
	f.untilState("role_a.lua", Running)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		text := saying("a", fmt.Sprint("version", i))
		want := file{sum: sum(text)}
		f.save("role_a.lua", text)
		begun := time.Now()
		for f.reload.Status()[0].Version != want.version() {
			time.Sleep(100 * time.Microsecond)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
