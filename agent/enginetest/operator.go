package enginetest

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxResultWait is the longest that one operator call waits for a result.
const maxResultWait = time.Minute

// Info is what an Engine tells of itself.
type Info struct {
	URL  string `json:"url"`
	Code string `json:"code"` // the default site's enrollment code
	Root string `json:"root"` // PEM
}

// verdict is an operator's word on an enrollment or a device.
type verdict struct {
	Ref        string     `json:"ref,omitempty"`
	Resolution Resolution `json:"resolution,omitempty"`
	GUID       string     `json:"guid,omitempty"`
	Status     string     `json:"status,omitempty"`
}

// operatorFault pairs an error with what the operator calls answer for it, both ways.
type operatorFault struct {
	err    error
	status int
	word   string
}

func operatorFaults() []operatorFault {
	return []operatorFault{
		{ErrNoPending, http.StatusNotFound, "no_pending"},
		{ErrAmbiguous, http.StatusConflict, "ambiguous"},
		{ErrConflict, http.StatusConflict, "conflict"},
		{ErrNoDevice, http.StatusNotFound, "no_device"},
		{ErrNoJob, http.StatusNotFound, "no_job"},
		{errNotYet, http.StatusGatewayTimeout, "not_yet"},
		{errMalformed, http.StatusBadRequest, "malformed"},
	}
}

var (
	errNotYet    = errors.New("no result yet")
	errMalformed = errors.New("malformed request")
)

// operatorRoutes are the calls that other processes make, with the token that the state folder holds.
func (e *Engine) operatorRoutes() []route {
	get, post := []string{"GET"}, []string{"POST"}
	return []route{
		{"/operator/info", get, false, e.asOperator(e.opInfo)},
		{"/operator/devices", get, false, e.asOperator(func(*http.Request) (any, error) { return e.listDevices() })},
		{"/operator/pending", get, false, e.asOperator(func(*http.Request) (any, error) { return e.readPending() })},
		{"/operator/approve", post, false, e.asOperator(e.opApprove)},
		{"/operator/deny", post, false, e.asOperator(e.opDeny)},
		{"/operator/status", post, false, e.asOperator(e.opStatus)},
		{"/operator/send", post, false, e.asOperator(e.opSend)},
		{"/operator/result", get, false, e.asOperator(e.opResult)},
	}
}

// asOperator checks the token and turns what call gives into an answer.
func (e *Engine) asOperator(call func(*http.Request) (any, error)) handler {
	return func(r *http.Request) (answer, error) {
		want := "Bearer " + e.operator
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(want)) != 1 {
			return refuse(http.StatusUnauthorized, "operator token required"), nil
		}
		v, err := call(r)
		if err == nil {
			return answer{status: http.StatusOK, body: v}, nil
		}
		for _, f := range operatorFaults() {
			if errors.Is(err, f.err) {
				return answer{status: f.status, body: object{"error": err.Error(), "code": f.word}}, nil
			}
		}
		return answer{status: http.StatusInternalServerError, body: object{"error": err.Error()}}, nil
	}
}

// decodeOperator reads a request's body into v, which must know each of its fields.
func decodeOperator(r *http.Request, v any) error {
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return nil
}

func (e *Engine) opInfo(*http.Request) (any, error) {
	return Info{URL: e.url, Code: e.code, Root: string(e.chain.root)}, nil
}

func (e *Engine) opApprove(r *http.Request) (any, error) {
	var v verdict
	if err := decodeOperator(r, &v); err != nil {
		return nil, err
	}
	return e.ApproveAs(v.Ref, v.Resolution)
}

func (e *Engine) opDeny(r *http.Request) (any, error) {
	var v verdict
	if err := decodeOperator(r, &v); err != nil {
		return nil, err
	}
	return object{}, e.Deny(v.Ref)
}

func (e *Engine) opStatus(r *http.Request) (any, error) {
	var v verdict
	if err := decodeOperator(r, &v); err != nil {
		return nil, err
	}
	return object{}, e.SetStatus(v.GUID, v.Status)
}

func (e *Engine) opSend(r *http.Request) (any, error) {
	var j Job
	if err := decodeOperator(r, &j); err != nil {
		return nil, err
	}
	id, err := e.Send(j)
	return object{"job_id": id}, err
}

// opResult waits for a job's result, at most maxResultWait: the caller asks again.
func (e *Engine) opResult(r *http.Request) (any, error) {
	id, err := strconv.ParseInt(r.URL.Query().Get("job_id"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: job_id: %w", errMalformed, err)
	}
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if err != nil {
		return nil, fmt.Errorf("%w: wait: %w", errMalformed, err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, maxResultWait))
	defer cancel()
	result, err := e.Result(ctx, id)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("job %d: %w", id, errNotYet)
	}
	return result, err
}
