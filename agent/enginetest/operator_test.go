package enginetest

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func openOperator(t *testing.T, dir string) *Operator {
	t.Helper()
	o, err := OpenOperator(dir)
	must(t, err)
	t.Cleanup(o.Close)
	return o
}

func TestOperatorCalls(t *testing.T) {
	dir := t.TempDir()
	e := Start(t, Config{Dir: dir})
	o, ctx := openOperator(t, dir), t.Context()
	if info, err := o.Info(ctx); err != nil || info != (Info{URL: e.URL(), Code: e.Code(), Root: string(e.RootPEM())}) {
		t.Errorf("%+v %v", info, err)
	}
	p := newProbe(t, e, "host")
	p.ask()
	if list, err := o.Pending(ctx); err != nil || !reflect.DeepEqual(list, e.Pending()) || len(list) != 1 {
		t.Errorf("pending: %+v %v", list, err)
	}
	if d, err := o.Approve(ctx, "host", Undecided); err != nil || d.Hostname != "host" {
		t.Errorf("approve: %+v %v", d, err)
	}
	p.poll()
	list, err := o.Devices(ctx)
	if err != nil || len(list) != 1 || list[0].GUID != p.guid || !list[0].LastSeen.Equal(e.Devices()[0].LastSeen) {
		t.Errorf("devices: %+v %v", list, err)
	}
	must(t, o.SetStatus(ctx, p.guid, StatusRevoked))
	if d := deviceByGUID(t, e, p.guid); d.Status != StatusRevoked {
		t.Errorf("%+v", d)
	}
	p.ask()
	must(t, o.Deny(ctx, ""))
	if r := p.poll(); r.str("status") != "denied" {
		t.Errorf("%s", r.text)
	}
}

func TestOperatorErrors(t *testing.T) {
	dir := t.TempDir()
	e := Start(t, Config{Dir: dir})
	o, ctx := openOperator(t, dir), t.Context()
	one := newProbe(t, e, "host")
	one.enroll()
	two := newProbe(t, e, "host")
	two.ask()
	_, noPending := o.Approve(ctx, "nobody", Undecided)
	_, conflict := o.Approve(ctx, "", Undecided)
	newProbe(t, e, "other").ask()
	_, ambiguous := o.Approve(ctx, "", Undecided)
	_, noJob := o.Result(ctx, 99)
	for want, got := range map[error]error{
		ErrNoPending: noPending, ErrConflict: conflict, ErrAmbiguous: ambiguous, ErrNoJob: noJob,
		ErrNoDevice: o.SetStatus(ctx, "nobody", "active"),
	} {
		if !errors.Is(got, want) || strings.Contains(got.Error(), "{") {
			t.Errorf("want %v, got %v", want, got)
		}
	}
	if d, err := o.Approve(ctx, "host", Overwrite); err != nil || d.GUID != one.guid {
		t.Errorf("overwrite: %+v %v", d, err)
	}
}

func TestOperatorJob(t *testing.T) {
	dir := t.TempDir()
	p, l := connect(t, Config{Dir: dir}, false)
	o := openOperator(t, dir)
	id, err := o.Send(t.Context(), Job{TargetHostname: "x", Script: []byte("\x00\xff"), Variables: []Variable{{Name: "n", Value: true}}})
	must(t, err)
	job := l.next("quick_job_run")
	if job["script_content"] != "AP8=" || job["environment"].(map[string]any)["N"] != "True" {
		t.Errorf("%v", job)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		_, err := o.Result(ctx, id)
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
	l.call("quick_job_result", map[string]any{"job_id": id, "status": "Failed", "stderr": "no", "context": map[string]any{"a": "b"}})
	r, err := o.Result(t.Context(), id)
	if want := p.e.Results(id)[0]; err != nil || r.Status != "Failed" || r.Stderr != want.Stderr || r.Context["a"] != "b" || !r.At.Equal(want.At) {
		t.Errorf("%+v %v", r, err)
	}
}

func TestOperatorToken(t *testing.T) {
	e := Start(t, Config{})
	p := newProbe(t, e, "host")
	for _, token := range []string{"", "x", p.access} {
		p.access = token
		for _, route := range e.operatorRoutes() {
			if r := p.call(route.methods[0], route.path, nil); r.status != http.StatusUnauthorized {
				t.Errorf("%s with token %q: %d %s", route.path, token, r.status, r.text)
			}
		}
	}
	p.access = e.OperatorToken()
	for path, want := range map[string]int{
		"/operator/info": 200, "/operator/result": 400, "/operator/result?job_id=1": 400, "/operator/result?job_id=1&wait=0s": 404,
	} {
		if r := p.call("GET", path, nil); r.status != want {
			t.Errorf("%s: %d %s", path, r.status, r.text)
		}
	}
	for path, in := range map[string]string{
		"/operator/approve": `{"reff":"x"}`, "/operator/deny": "", "/operator/status": "[]", "/operator/send": `{"script":"not base64"}`,
	} {
		if r := p.post(path, in); r.status != http.StatusBadRequest || r.str("code") != "malformed" {
			t.Errorf("%s: %d %s", path, r.status, r.text)
		}
	}
}

func TestOperatorResultNotYet(t *testing.T) {
	e := Start(t, Config{})
	id, err := e.Send(Job{})
	must(t, err)
	p := newProbe(t, e, "host")
	p.access = e.OperatorToken()
	if r := p.call("GET", "/operator/result?wait=1ms&job_id=1", nil); id != 1 || r.status != http.StatusGatewayTimeout || r.str("code") != "not_yet" {
		t.Errorf("%d %s", r.status, r.text)
	}
}

func TestOperatorWithoutEngine(t *testing.T) {
	if _, err := OpenOperator(filepath.Join(t.TempDir(), "nowhere")); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no folder: %v", err)
	}
	dir := t.TempDir()
	e, err := New(Config{Dir: dir})
	must(t, err)
	o := openOperator(t, dir)
	left, err := os.ReadFile(filepath.Join(dir, fileRunning))
	must(t, err)
	must(t, e.Close())
	if _, err := OpenOperator(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("closed: %v", err)
	}
	if _, err := o.Info(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("closed under an open operator: %v", err)
	}
	// An Engine that was killed leaves its files behind.
	must(t, os.WriteFile(filepath.Join(dir, fileRunning), left, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, fileOperator), []byte("x"), 0o600))
	if _, err := openOperator(t, dir).Info(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("killed: %v", err)
	}
	again := Start(t, Config{Dir: dir})
	if info, err := openOperator(t, dir).Info(t.Context()); err != nil || info.URL != again.URL() {
		t.Errorf("after the next start: %+v %v", info, err)
	}
	ended, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if _, err := openOperator(t, dir).Info(ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended context: %v", err)
	}
}
