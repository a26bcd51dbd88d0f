package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

func TestEnrollment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		renamed := 0
		cfg.Renamed = func() { renamed++ }
		c := f.clientOf(cfg)
		local := c.GUID()
		if s := c.Status(); s.State != StateUnenrolled || s.Trust != TrustGiven || len(local) != 36 {
			t.Errorf("before: %+v", s)
		}
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.GUID() != engineGUID || c.AgentID() != "LAB-NODE-07_"+engineGUID+"_SYSTEM" {
			t.Errorf("GUID %s, agent id %s", c.GUID(), c.AgentID())
		}
		if renamed != 1 {
			t.Errorf("the new agent id was told %d times", renamed)
		}
		if s := c.Status(); s.State != StateEnrolled || s.Trust != TrustPinned || !s.SigningKey || s.BundleRefused || s.LastError != "" {
			t.Errorf("after: %+v", s)
		}
		checkEnrollmentWire(t, f, c)
		checkEnrollmentFiles(t, cfg.Tree, c)
		again := f.clientOf(cfg)
		if err := again.Authenticate(t.Context()); err != nil || again.GUID() != engineGUID {
			t.Errorf("the next start: %v, GUID %s", err, again.GUID())
		}
		if n := len(f.to(wire.PathEnrollRequest)); n != 1 {
			t.Errorf("%d enrollments, want 1", n)
		}
	})
}

// checkEnrollmentWire checks what the Engine saw.
func checkEnrollmentWire(t *testing.T, f *fake, c *Client) {
	t.Helper()
	asked, polled := f.to(wire.PathEnrollRequest), f.to(wire.PathEnrollPoll)
	if len(asked) != 1 || len(polled) != 1 {
		t.Fatalf("%d requests and %d polls, want one each", len(asked), len(polled))
	}
	r := asked[0]
	if r.body["hostname"] != "lab-node-07" || r.body["enrollment_code"] != goodCode || r.body["agent_pubkey"] != c.cfg.Identity.PublicKey() || len(r.body) != 4 {
		t.Errorf("request %s", r.text)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "X-Borealis-Agent-Context": "SYSTEM", "User-Agent": "Borealis-Agent/1.2.3", "Authorization": "",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if polled[0].body["client_nonce"] != r.body["client_nonce"] {
		t.Error("the poll carries another nonce than the request")
	}
	if wait := polled[0].at.Sub(r.at); wait < 3*time.Second || wait > 4*time.Second {
		t.Errorf("first poll after %v, want the 3 s that the Engine asked for", wait)
	}
}

// checkEnrollmentFiles checks what the enrollment left on disk.
func checkEnrollmentFiles(t *testing.T, tree *settings.Tree, c *Client) {
	t.Helper()
	tok, err := tree.Tokens()
	if err != nil || tok.Access != c.held().Access || !strings.HasPrefix(tok.Refresh, "canary-refresh") || tok.Fingerprint != c.cfg.Identity.Fingerprint() {
		t.Errorf("tokens on disk %v, %v", tok, err)
	}
	if left := time.Until(tok.ExpiresAt); left < 890*time.Second || left > 895*time.Second {
		t.Errorf("the token lasts %v, want 895 s", left)
	}
	if guid, err := tree.GUID(); err != nil || guid != engineGUID {
		t.Errorf("GUID on disk %q, %v", guid, err)
	}
	if doc, err := tree.Document("SYSTEM"); err != nil || doc.Text("agent_id") != c.AgentID() {
		t.Errorf("settings %v, %v", doc, err)
	}
}

func TestPendingWaitsForTheOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		f.set(func() { f.decision = wire.StatusPending })
		c := f.client()
		done := make(chan error, 1)
		go func() { done <- c.Authenticate(t.Context()) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := c.Status(); s.State != StatePending {
			t.Errorf("state %q, want pending", s.State)
		}
		if n := len(f.to(wire.PathEnrollRequest)); n != 1 {
			t.Errorf("%d requests, want the one", n)
		}
		polls := f.to(wire.PathEnrollPoll)
		for i := 2; i < len(polls); i++ {
			if gap := polls[i].at.Sub(polls[i-1].at); gap < 5*time.Second || gap > 6*time.Second {
				t.Fatalf("poll %d came after %v, want 5 s", i, gap)
			}
		}
		if err := c.Post(t.Context(), wire.PathDetails, nil, nil); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("post while pending: %v, want ErrNotEnrolled at once", err)
		}
		f.set(func() { f.decision = wire.StatusApproved })
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestPollDistanceIsBounded(t *testing.T) {
	for text, want := range map[wire.Number]time.Duration{
		"0": time.Second, "250": time.Second, "3000": 3 * time.Second, "600000": 15 * time.Second, "": 5 * time.Second, "-5": time.Second,
	} {
		if got := clampPoll(text); got != want {
			t.Errorf("poll_after_ms %q waits %v, want %v", text, got, want)
		}
	}
}

// TestRefusalsArePaced runs two hours of each refusal: never a tight loop, and success once the reason is gone.
func TestRefusalsArePaced(t *testing.T) {
	for name, c := range map[string]struct {
		path     string
		answer   func(w http.ResponseWriter, r *http.Request)
		err      error
		requests [2]int // of enrollment in two hours, at least and at most
	}{
		"denied":          {wire.PathEnrollPoll, send(200, `{"status":"denied","reason":"operator_denied"}`), ErrDenied, [2]int{4, 10}},
		"expired":         {wire.PathEnrollPoll, send(200, `{"status":"expired"}`), ErrLapsed, [2]int{18, 36}},
		"finalized":       {wire.PathEnrollPoll, send(200, `{"status":"approved","detail":"finalized"}`), ErrLapsed, [2]int{18, 36}},
		"nonce mismatch":  {wire.PathEnrollPoll, send(400, `{"error":"nonce_mismatch"}`), ErrLapsed, [2]int{18, 36}},
		"unknown":         {wire.PathEnrollPoll, send(404, `{"status":"unknown"}`), ErrLapsed, [2]int{18, 36}},
		"replayed":        {wire.PathEnrollPoll, send(409, `{"error":"proof_replayed"}`), ErrLapsed, [2]int{18, 36}},
		"another state":   {wire.PathEnrollPoll, send(400, `{"status":"odd"}`), ErrLapsed, [2]int{18, 36}},
		"approved oddly":  {wire.PathEnrollPoll, send(200, `{"status":"approved","guid":"x","access_token":"a","refresh_token":"r"}`), ErrAnswer, [2]int{10, 24}},
		"wrong code":      {wire.PathEnrollRequest, send(400, `{"error":"invalid_enrollment_code"}`), ErrCode, [2]int{6, 12}},
		"consumed code":   {wire.PathEnrollRequest, send(400, `{"error":"code_consumed"}`), ErrCode, [2]int{6, 12}},
		"no host name":    {wire.PathEnrollRequest, send(400, `{"error":"hostname_required"}`), nil, [2]int{10, 24}},
		"no such place":   {wire.PathEnrollRequest, send(405, `<html>`), nil, [2]int{10, 24}},
		"server trouble":  {wire.PathEnrollRequest, send(502, `<html>`), nil, [2]int{36, 80}},
		"not JSON":        {wire.PathEnrollRequest, send(200, `<html>`), ErrAnswer, [2]int{10, 24}},
		"odd status":      {wire.PathEnrollRequest, send(200, `{"status":"later"}`), ErrAnswer, [2]int{10, 24}},
		"no reference":    {wire.PathEnrollRequest, send(200, `{"status":"pending","server_nonce":"AAAA"}`), ErrAnswer, [2]int{10, 24}},
		"no server nonce": {wire.PathEnrollRequest, send(200, `{"status":"pending","approval_reference":"r","server_nonce":"%"}`), ErrAnswer, [2]int{10, 24}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, "engine.test")
				f.answer(c.path, c.answer)
				client := f.client()
				done := make(chan error, 1)
				go func() { done <- client.Authenticate(t.Context()) }()
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if n := len(f.to(wire.PathEnrollRequest)); n < c.requests[0] || n > c.requests[1] {
					t.Errorf("%d enrollments in two hours, want %v", n, c.requests)
				}
				if s := client.Status(); s.LastError == "" || (c.err != nil && !strings.Contains(s.LastError, c.err.Error())) {
					t.Errorf("last error %q, want %v", s.LastError, c.err)
				}
				f.answer(c.path, nil)
				if err := <-done; err != nil || client.Status().State != StateEnrolled {
					t.Errorf("after the reason was gone: %v, %+v", err, client.Status())
				}
			})
		})
	}
}

func send(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestApprovedOnTheRequestIsPolledAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		f.answer(wire.PathEnrollRequest, func(w http.ResponseWriter, r *http.Request) {
			rec := &bodyWriter{ResponseWriter: w}
			f.serve(rec, f.to(wire.PathEnrollRequest)[0])
			_, _ = w.Write([]byte(strings.Replace(rec.text, `"status":"pending"`, `"status":"approved","auto_approved":true`, 1)))
		})
		c := f.client()
		if err := c.Authenticate(t.Context()); err != nil || c.GUID() != engineGUID {
			t.Errorf("auto-approved: %v, GUID %s", err, c.GUID())
		}
	})
}

// bodyWriter keeps a body instead of sending it.
type bodyWriter struct {
	http.ResponseWriter
	text string
}

func (w *bodyWriter) WriteHeader(int) {}

func (w *bodyWriter) Write(b []byte) (int, error) {
	w.text += string(b)
	return len(b), nil
}

func TestRetryAfterIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		header, body string
		least, most  time.Duration
	}{
		"seconds":  {"100", `{"error":"rate_limited"}`, 100 * time.Second, 200 * time.Second},
		"body":     {"", `{"error":"rate_limited","retry_after":99.2}`, 100 * time.Second, 200 * time.Second},
		"nothing":  {"", ``, 30 * time.Second, 70 * time.Second},
		"too much": {"99999999", ``, time.Hour, 2 * time.Hour},
		"date":     {"Sat, 01 Jan 2000 00:10:00 GMT", ``, 10*time.Minute - time.Second, 16 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, "engine.test")
				f.answer(wire.PathEnrollRequest, func(w http.ResponseWriter, _ *http.Request) {
					if len(f.to(wire.PathEnrollRequest)) > 1 {
						return
					}
					if c.header != "" {
						w.Header().Set("Retry-After", c.header)
					}
					send(429, c.body)(w, nil)
				})
				if err := f.client().Authenticate(t.Context()); err != nil {
					t.Fatal(err)
				}
				asked := f.to(wire.PathEnrollRequest)
				if gap := asked[1].at.Sub(asked[0].at); gap < c.least || gap > c.most {
					t.Errorf("asked again after %v, want between %v and %v", gap, c.least, c.most)
				}
			})
		})
	}
}

func TestEnrollmentNeedsACode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		cfg.Code = nil
		c := f.clientOf(cfg)
		if err := c.Authenticate(t.Context()); !errors.Is(err, ErrNoCode) {
			t.Fatalf("no code: %v, want ErrNoCode", err)
		}
		if n := len(f.to(wire.PathEnrollRequest)); n != 0 {
			t.Errorf("%d requests without a code", n)
		}
		putCode(t, cfg.Tree, goodCode)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if code, err := cfg.Tree.EnrollmentCode("SYSTEM"); err != nil || code.Text != "" {
			t.Errorf("the code is still there after success (%v)", err)
		}
	})
}

func putCode(t *testing.T, tree *settings.Tree, code string) {
	t.Helper()
	if err := tree.UpdateDocument("SYSTEM", func(d settings.Document) error { return d.Set("enrollment_code", code) }); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherCodeIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		cfg.Code = nil
		putCode(t, cfg.Tree, "wrong")
		c := f.clientOf(cfg)
		done := make(chan error, 1)
		go func() { done <- c.Authenticate(t.Context()) }()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		putCode(t, cfg.Tree, goodCode)
		before := time.Now()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 20*time.Second {
			t.Errorf("the new code was tried after %v", took)
		}
	})
}

func TestTwoProcessesEnrollOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		f.set(func() { f.decision = wire.StatusPending })
		root := t.TempDir()
		first, other := f.config(root), f.config(root)
		other.Mode = wire.CurrentUser
		clients := []*Client{f.clientOf(first), f.clientOf(other)}
		if clients[0].GUID() != clients[1].GUID() {
			t.Errorf("local GUIDs %s and %s, want one", clients[0].GUID(), clients[1].GUID())
		}
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				if err := c.Authenticate(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		states := map[State]int{clients[0].Status().State: 1}
		states[clients[1].Status().State]++
		if states[StatePending] != 1 || states[StateWaiting] != 1 {
			t.Errorf("states %v, want one pending and one waiting", states)
		}
		f.set(func() { f.decision = wire.StatusApproved })
		wg.Wait()
		if n := len(f.to(wire.PathEnrollRequest)); n != 1 {
			t.Errorf("%d enrollments of one device", n)
		}
		for _, c := range clients {
			if s := c.Status(); s.State != StateEnrolled || s.GUID != engineGUID || s.Trust != TrustPinned {
				t.Errorf("%s: %+v", c.cfg.Mode, s)
			}
			if err := c.Post(t.Context(), "/api/agent/details", nil, nil); err != nil {
				t.Errorf("%s: %v", c.cfg.Mode, err)
			}
		}
	})
}

// TestPollSurvivesABrokenWay breaks the way during the polls: the same enrollment goes on.
func TestPollSurvivesABrokenWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		f.answer(wire.PathEnrollPoll, func(w http.ResponseWriter, r *http.Request) {
			switch len(f.to(wire.PathEnrollPoll)) {
			case 1:
				hangUp(w)
			case 2:
				send(502, `<html>bad gateway</html>`)(w, r)
			case 3:
				send(200, `{"status":`)(w, r)
			case 4:
				send(404, `<html>`)(w, r)
			case 5:
				<-r.Context().Done() // slower than any agent waits
				hangUp(w)
			}
		})
		if err := f.client().Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(f.to(wire.PathEnrollRequest)); n != 1 {
			t.Errorf("%d enrollments, want the first to survive", n)
		}
		if n := len(f.to(wire.PathEnrollPoll)); n != 6 {
			t.Errorf("%d polls, want 6", n)
		}
	})
}

func hangUp(w http.ResponseWriter) {
	conn, err := w.(interface {
		Hijack() (net.Conn, error)
	}).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// TestApprovalCutAtEveryPlace cuts the one answer that holds the tokens: the device ends up enrolled all the same.
func TestApprovalCutAtEveryPlace(t *testing.T) {
	for cut := 0; cut < 1100; cut += 97 {
		synctest.Test(t, func(t *testing.T) {
			f := start(t, "engine.test")
			f.answer(wire.PathEnrollPoll, func(w http.ResponseWriter, _ *http.Request) {
				polls := f.to(wire.PathEnrollPoll)
				if len(polls) > 1 {
					return
				}
				rec := &bodyWriter{ResponseWriter: w}
				f.serve(rec, polls[0])
				if cut >= len(rec.text) {
					_, _ = w.Write([]byte(rec.text))
					return
				}
				w.Header().Set("Content-Length", "4000")
				_, _ = w.Write([]byte(rec.text[:cut]))
				panic(http.ErrAbortHandler)
			})
			c := f.client()
			if err := c.Authenticate(t.Context()); err != nil || c.GUID() != engineGUID {
				t.Errorf("cut at %d: %v, GUID %s", cut, err, c.GUID())
			}
			if n := len(f.to(wire.PathEnrollRequest)); n > 2 {
				t.Errorf("cut at %d: %d enrollments", cut, n)
			}
		})
	}
}

// TestTokensThatTheDiskDoesNotTake keeps the enrollment in memory and writes it with the next refresh.
func TestTokensThatTheDiskDoesNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		c := f.clientOf(cfg)
		blocker := filepath.Join(cfg.Tree.Settings(), "Agent_GUID.txt")
		if err := os.Remove(blocker); err != nil {
			t.Fatal(err)
		}
		f.answer(wire.PathEnrollPoll, func(http.ResponseWriter, *http.Request) {
			if err := os.MkdirAll(blocker, 0o700); err != nil {
				t.Error(err)
			}
		})
		if err := c.Authenticate(t.Context()); err != nil || c.GUID() != engineGUID {
			t.Fatalf("enrollment: %v, GUID %s", err, c.GUID())
		}
		if err := os.Remove(blocker); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Minute)
		if err := c.Post(t.Context(), wire.PathDetails, nil, nil); err != nil {
			t.Fatal(err)
		}
		if guid, err := cfg.Tree.GUID(); err != nil || guid != engineGUID {
			t.Errorf("GUID on disk %q, %v", guid, err)
		}
	})
}

func TestAuthenticateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		f.set(func() { f.decision = wire.StatusPending })
		c := f.client()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := c.Authenticate(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's end", err)
		}
		if unlock, err := c.cfg.Tree.TryLock(settings.LockEnrollment); err != nil {
			t.Errorf("the lock is still held: %v", err)
		} else {
			unlock()
		}
	})
}

func TestNoSecretIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		c := f.clientOf(cfg)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.set(func() { clear(f.access); clear(f.refresh); f.codes = map[string]bool{} })
		_ = c.Post(t.Context(), wire.PathDetails, nil, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_ = c.Authenticate(ctx)
		text := f.logged() + c.Status().LastError
		if !strings.Contains(text, "enrollment code") {
			t.Errorf("the refused code is not spoken of:\n%s", text)
		}
		for _, secret := range []string{goodCode, "canary-access", "canary-refresh"} {
			if strings.Contains(text, secret) {
				t.Errorf("the log tells %q:\n%s", secret, text)
			}
		}
	})
}
