package gate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Ledger remembers jobs, for longer than the process lives.
type Ledger interface {
	// Begin notes a job before any of it is run. The key is no other job's, and the id is what its result will be known
	// by; will is the answer for the case that no result ever comes. ErrReplay says that the job was noted before; after
	// any other error it is not noted, and is not run.
	Begin(key [sha256.Size]byte, id json.RawMessage, will wire.Result) error
}

// interrupted is what is said of a job without a result: nobody knows how far it came.
const interrupted = "the agent was interrupted before this job had a result; how far it came is not known, and it is not run again"

// keyOf makes the key of the job id, the signature's bytes and the run ids of the context, each with its length in
// front, so that no two different jobs share one.
func keyOf(job wire.Job, signature []byte) [sha256.Size]byte {
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
	return [sha256.Size]byte(h.Sum(nil))
}
