package role

import (
	"fmt"
	"io"
	"os"
	"time"
)

// watchdog ends a process that holds too much memory, for a system that does not do it by itself.
type watchdog struct {
	// resident is what the process holds now; an error ends the watch, since the process is then gone.
	resident func() (uint64, error)
	limit    uint64
	every    time.Duration
	stop     chan struct{}
	done     chan struct{}
}

// watch looks until release. The reason for a kill is written to words, beside the process's own.
func (d *watchdog) watch(p *os.Process, words io.Writer) {
	d.stop, d.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(d.done)
		look := time.NewTicker(d.every)
		defer look.Stop()
		for {
			select {
			case <-d.stop:
				return
			case <-look.C:
			}
			held, err := d.resident()
			if err != nil {
				return
			}
			if held > d.limit {
				fmt.Fprintf(words, "memory: it held %d MiB, more than %d\n", held>>20, d.limit>>20)
				_ = p.Kill() // one that has ended needs none
				return
			}
		}
	}()
}

// release ends the watch.
func (d *watchdog) release() {
	close(d.stop)
	<-d.done
}
