package enginetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoJob means that the Engine sent no such job.
var ErrNoJob = errors.New("no such job")

// Result is one quick_job_result as received.
type Result struct {
	JobID   int64          `json:"job_id"`
	Status  string         `json:"status"`
	Stdout  string         `json:"stdout"`
	Stderr  string         `json:"stderr"`
	Context map[string]any `json:"context,omitempty"`
	At      time.Time      `json:"at"`
}

// final tells whether the result closes its job.
func (r Result) final() bool { return !strings.EqualFold(r.Status, "running") }

// takeResult stores a result under its job. One without a job id that the Engine knows is dropped.
func (e *Engine) takeResult(data json.RawMessage) {
	b, err := parseObject(string(data))
	id, found := b.number("job_id")
	if err != nil || !found {
		e.log.Warn("result without a job", "data", string(data[:min(len(data), 200)]))
		return
	}
	status := firstText(b.text("status"), "Failed")
	hostname, err := e.keepResult(id, status, b)
	if err != nil {
		e.log.Error("result not kept", "job_id", id, "error", err)
		return
	}
	e.log.Info("job result", "job_id", id, "status", status)
	if err := e.noteActivity(id, hostname, object{"change": "updated", "status": status}); err != nil {
		e.log.Warn("activity not told", "job_id", id, "error", err)
	}
}

func (e *Engine) keepResult(id int64, status string, b body) (hostname string, err error) {
	err = e.store.tx(func(tx *sql.Tx) error {
		err := tx.QueryRow(`UPDATE jobs SET status = ? WHERE id = ? RETURNING hostname`, status, id).Scan(&hostname)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%d: %w", id, ErrNoJob)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO results (job_id, status, stdout, stderr, context, at) VALUES (?, ?, ?, ?, ?, ?)`,
			id, status, plainText(b["stdout"]), plainText(b["stderr"]), string(b.object("context").json()), e.now().Unix())
		return err
	})
	return hostname, err
}

// Results gives every result received for a job, in order of arrival: doubles show here.
func (e *Engine) Results(jobID int64) []Result {
	return orLogged(e, func() ([]Result, error) { return e.listResults(jobID) })
}

func (e *Engine) listResults(jobID int64) ([]Result, error) {
	rows, err := e.store.db.Query(`SELECT status, stdout, stderr, context, at FROM results WHERE job_id = ? ORDER BY seq`, jobID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Result
	for rows.Next() {
		r := Result{JobID: jobID}
		var context string
		var at int64
		if err := rows.Scan(&r.Status, &r.Stdout, &r.Stderr, &context, &at); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(context), &r.Context); err != nil {
			return nil, err
		}
		r.At = time.Unix(at, 0).UTC()
		list = append(list, r)
	}
	return list, rows.Err()
}

// Result waits for the first result that closes a job.
func (e *Engine) Result(ctx context.Context, jobID int64) (r Result, err error) {
	err = e.changed.wait(ctx, func() (found bool, err error) {
		r, found, err = e.finalResult(jobID)
		return found, err
	})
	if err != nil {
		err = fmt.Errorf("job %d: %w", jobID, err)
	}
	return r, err
}

func (e *Engine) finalResult(jobID int64) (Result, bool, error) {
	list, err := e.listResults(jobID)
	if err != nil {
		return Result{}, false, err
	}
	for _, r := range list {
		if r.final() {
			return r, true, nil
		}
	}
	if len(list) > 0 {
		return Result{}, false, nil
	}
	var id int64
	err = e.store.db.QueryRow(`SELECT id FROM jobs WHERE id = ?`, jobID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoJob
	}
	return Result{}, false, err
}
