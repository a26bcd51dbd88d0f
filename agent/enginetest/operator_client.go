package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
)

// ErrNotRunning means that no Engine runs in a state folder.
var ErrNotRunning = errors.New("no Engine runs here")

// Operator makes an operator's calls to the Engine of another process, found through its state folder. The errors are
// those of the Engine's own methods.
type Operator struct {
	url, token string
	client     *http.Client
}

// OpenOperator finds the Engine that runs in dir. It asks nothing of it yet.
func OpenOperator(dir string) (*Operator, error) {
	s := state{dir}
	text, err := s.read(fileRunning)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q: %w", dir, ErrNotRunning)
	}
	if err != nil {
		return nil, err
	}
	var at running
	if err := json.Unmarshal(text, &at); err != nil {
		return nil, fmt.Errorf("%s: %w", s.path(fileRunning), err)
	}
	token, err := s.read(fileOperator)
	if err != nil {
		return nil, err
	}
	root, err := s.read(fileRoot)
	if err != nil {
		return nil, err
	}
	return &Operator{url: at.URL, token: string(token), client: trusting(root)}, nil
}

// Close lets go of idle connections.
func (o *Operator) Close() { o.client.CloseIdleConnections() }

// Info asks what the Engine tells of itself.
func (o *Operator) Info(ctx context.Context) (info Info, err error) {
	err = o.call(ctx, http.MethodGet, "info", nil, &info)
	return info, err
}

// Devices is [Engine.Devices].
func (o *Operator) Devices(ctx context.Context) (list []Device, err error) {
	err = o.call(ctx, http.MethodGet, "devices", nil, &list)
	return list, err
}

// Pending is [Engine.Pending].
func (o *Operator) Pending(ctx context.Context) (list []Pending, err error) {
	err = o.call(ctx, http.MethodGet, "pending", nil, &list)
	return list, err
}

// Approve is [Engine.ApproveAs].
func (o *Operator) Approve(ctx context.Context, ref string, r Resolution) (d Device, err error) {
	err = o.call(ctx, http.MethodPost, "approve", verdict{Ref: ref, Resolution: r}, &d)
	return d, err
}

// Deny is [Engine.Deny].
func (o *Operator) Deny(ctx context.Context, ref string) error {
	return o.call(ctx, http.MethodPost, "deny", verdict{Ref: ref}, nil)
}

// SetStatus is [Engine.SetStatus].
func (o *Operator) SetStatus(ctx context.Context, guid, status string) error {
	return o.call(ctx, http.MethodPost, "status", verdict{GUID: guid, Status: status}, nil)
}

// Send is [Engine.Send], without Tamper.
func (o *Operator) Send(ctx context.Context, j Job) (int64, error) {
	var sent struct {
		JobID int64 `json:"job_id"`
	}
	err := o.call(ctx, http.MethodPost, "send", j, &sent)
	return sent.JobID, err
}

// Result is [Engine.Result].
func (o *Operator) Result(ctx context.Context, jobID int64) (Result, error) {
	query := url.Values{"job_id": {strconv.FormatInt(jobID, 10)}, "wait": {(maxResultWait / 2).String()}}
	for {
		var r Result
		err := o.call(ctx, http.MethodGet, "result?"+query.Encode(), nil, &r)
		if !errors.Is(err, errNotYet) {
			return r, err
		}
		if ctx.Err() != nil {
			return r, fmt.Errorf("job %d: %w", jobID, ctx.Err())
		}
	}
}

// call makes one call. An Engine that cannot be reached is ErrNotRunning: it ended without tidying up.
func (o *Operator) call(ctx context.Context, method, path string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, o.url+"/operator/"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+o.token)
	answer, err := o.client.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 2*maxBody))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return operatorError(answer.StatusCode, body)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}

// toldError is an error in the Engine's words that still is the one its code names.
type toldError struct {
	text string
	kind error
}

func (e *toldError) Error() string { return e.text }
func (e *toldError) Unwrap() error { return e.kind }

func operatorError(status int, body []byte) error {
	var told struct{ Error, Code string }
	if json.Unmarshal(body, &told) != nil || told.Error == "" {
		return fmt.Errorf("the Engine answered %d: %.200q", status, body)
	}
	for _, f := range operatorFaults() {
		if f.word == told.Code {
			return &toldError{told.Error, f.err}
		}
	}
	return fmt.Errorf("the Engine answered %d: %s", status, told.Error)
}
