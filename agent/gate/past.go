package gate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const (
	// pastLen bounds what is remembered: at one job a second, more than an hour of jobs.
	pastLen = 4096
	// pastAge is when a job may come again: an Engine that was set up anew counts from 1 again.
	pastAge = 30 * 24 * time.Hour
)

// key names a job for the replay guard.
type key [sha256.Size]byte

// keyOf makes the key of the job id, the signature's bytes and the run ids of the context, each with its length in
// front, so that no two different jobs share one.
func keyOf(job wire.Job, signature []byte) key {
	parts := [][]byte{bytes.Trim(job.ID, `"`), signature}
	if context, err := wire.ParseObject(job.Context); err == nil {
		for _, name := range [...]string{"scheduled_job_run_id", "run_id", "scheduled_ts"} {
			parts = append(parts, context[name])
		}
	}
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	return key(h.Sum(nil))
}

// past remembers the jobs that were admitted, in memory: a restart forgets them.
type past struct {
	mu    sync.Mutex
	seen  map[key]time.Time
	order []key
}

// add notes a job and says whether it is new.
func (p *past) add(k key, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[key]time.Time{}
	}
	p.dropLocked(now)
	if _, ok := p.seen[k]; ok {
		return false
	}
	p.seen[k] = now
	p.order = append(p.order, k)
	return true
}

// dropLocked forgets what is too old, and the oldest when there is too much.
func (p *past) dropLocked(now time.Time) {
	n := 0
	for n < len(p.order) && (len(p.order)-n >= pastLen || now.Sub(p.seen[p.order[n]]) >= pastAge) {
		delete(p.seen, p.order[n])
		n++
	}
	p.order = p.order[n:]
}
