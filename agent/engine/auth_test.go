package engine

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

func TestRefreshBeforeExpiryAndOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		time.Sleep(830 * time.Second) // of 895
		post(t, c)
		if n := len(f.to(wire.PathTokenRefresh)); n != 0 {
			t.Fatalf("%d refreshes with more than a minute left", n)
		}
		time.Sleep(10 * time.Second)
		f.answer(wire.PathTokenRefresh, func(http.ResponseWriter, *http.Request) { time.Sleep(3 * time.Second) })
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { post(t, c) })
		}
		wg.Wait()
		asked := f.to(wire.PathTokenRefresh)
		if len(asked) != 1 {
			t.Fatalf("%d refreshes for 50 callers, want 1", len(asked))
		}
		if r := asked[0]; r.body["guid"] != engineGUID || r.body["refresh_token"] != "canary-refresh-2" || len(r.body) != 2 || r.header.Get("Authorization") != "" {
			t.Errorf("refresh %s with %v", r.text, r.header)
		}
		for _, s := range f.to("/api/agent/details")[1:] {
			if got := s.header.Get("Authorization"); got != "Bearer canary-access-3" {
				t.Errorf("a call went out with %q", got)
			}
		}
		if tok, err := c.cfg.Tree.Tokens(); err != nil || tok.Access != "canary-access-3" || tok.Refresh != "canary-refresh-2" {
			t.Errorf("on disk: access %q, refresh %q, %v", tok.Access, tok.Refresh, err)
		}
	})
}

func post(t *testing.T, c *Client) {
	t.Helper()
	var answer map[string]any
	if err := c.Post(t.Context(), "/api/agent/details", map[string]int{"a": 1}, &answer); err != nil || answer["status"] != "ok" {
		t.Errorf("post: %v, %v", answer, err)
	}
}

func TestShortLivedTokensAreNotRefreshedEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		f.set(func() { f.expires = 65 })
		c := f.enrolled()
		for range 100 {
			time.Sleep(time.Second)
			post(t, c)
		}
		if n := len(f.to(wire.PathTokenRefresh)); n < 2 || n > 4 {
			t.Errorf("%d refreshes in 100 s of 60 s tokens", n)
		}
	})
}

// TestStaleTokenIsRenewedOnce has the Engine refuse tokens for each reason that a new token may mend.
func TestStaleTokenIsRenewedOnce(t *testing.T) {
	for _, c := range []struct {
		status int
		word   string
	}{
		{401, "missing_authorization"},
		{401, "token_expired"},
		{401, "invalid_token"},
		{401, "invalid_claims"},
		{401, "device_mismatch"},
		{403, "token_version_mismatch"},
		{403, "fingerprint_mismatch"},
		{403, "guid_mismatch"},
	} {
		t.Run(c.word, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, "engine.test")
				client := f.enrolled()
				f.answer(wire.PathHeartbeat, func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Authorization") == "Bearer canary-access-1" {
						fail(w, c.status, c.word)
					}
				})
				var wg sync.WaitGroup
				for range 20 {
					wg.Go(func() {
						if err := client.heartbeat(t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if n := len(f.to(wire.PathTokenRefresh)); n != 1 {
					t.Errorf("%d refreshes, want 1", n)
				}
				f.answer(wire.PathHeartbeat, func(w http.ResponseWriter, _ *http.Request) { fail(w, c.status, c.word) })
				if err := client.heartbeat(t.Context()); !is(err, c.status, c.word) {
					t.Errorf("refused twice: %v", err)
				}
				if tries, n := len(f.to(wire.PathHeartbeat)), len(f.to(wire.PathTokenRefresh)); n != 2 || tries > 42 {
					t.Errorf("%d heartbeats and %d refreshes: one retry only", tries, n)
				}
				if client.Status().State != StateEnrolled || len(f.to(wire.PathEnrollRequest)) != 1 {
					t.Error("the enrollment was lost")
				}
			})
		})
	}
}

// TestAnswersThatAreHandedOn has the Engine answer in each way that a new token cannot mend.
func TestAnswersThatAreHandedOn(t *testing.T) {
	for _, c := range []struct {
		path   string
		status int
		body   string
		text   string
	}{
		{wire.PathDetails, 403, `{"error":"fingerprint_mismatch"}`, `post "/api/agent/details": HTTP 403 "fingerprint_mismatch"`},
		{wire.PathDetails, 403, `{"error":"guid_mismatch"}`, `HTTP 403 "guid_mismatch"`},
		{wire.PathDetails, 400, `{"error":"invalid payload"}`, `HTTP 400 "invalid payload"`},
		{wire.PathHeartbeat, 403, `{"error":"device_revoked"}`, `HTTP 403 "device_revoked"`},
		{wire.PathHeartbeat, 404, `{"error":"device_not_found"}`, `HTTP 404 "device_not_found"`},
		{wire.PathHeartbeat, 404, `{"error":"device_not_registered"}`, `HTTP 404 "device_not_registered"`},
		{wire.PathHeartbeat, 400, `{"error":"dpop_invalid"}`, `HTTP 400 "dpop_invalid"`},
		{wire.PathHeartbeat, 500, `{"error":"auth_context_missing"}`, `HTTP 500 "auth_context_missing"`},
		{"/api/agent/vpn/ensure", 500, `{"error":"tunnel_start_failed","detail":"no \"wg\"\nhere"}`, `HTTP 500 "tunnel_start_failed": "no \"wg\"\nhere"`},
		{"/api/agent/vpn/ensure", 404, `<html>not found`, `HTTP 404`},
		{"/api/agent/vpn/ensure", 405, ``, `HTTP 405`},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := start(t, "engine.test")
			client := f.enrolled()
			f.answer(c.path, send(c.status, c.body))
			err := client.Post(t.Context(), c.path, nil, nil)
			if !is(err, c.status) || !strings.HasSuffix(err.Error(), c.text) {
				t.Errorf("%d %s became %v, want %s", c.status, c.body, err, c.text)
			}
			if n := len(f.to(wire.PathTokenRefresh)); n != 0 || client.held().Refresh == "" {
				t.Errorf("%d %s: %d refreshes, %+v", c.status, c.body, n, client.Status())
			}
		})
	}
}

func TestOnlyARefusedRefreshCostsTheEnrollment(t *testing.T) {
	for _, word := range []string{"invalid_refresh_token", "refresh_token_revoked", "refresh_token_expired", "device_purged"} {
		synctest.Test(t, func(t *testing.T) {
			f := start(t, "engine.test")
			c := f.enrolled()
			print := c.cfg.Identity.Fingerprint()
			f.set(func() { clear(f.access); clear(f.refresh) })
			f.answer(wire.PathTokenRefresh, func(w http.ResponseWriter, _ *http.Request) { fail(w, 401, word) })
			err := c.Post(t.Context(), wire.PathHeartbeat, nil, nil)
			if !errors.Is(err, ErrNotEnrolled) || !is(err, 401, word) {
				t.Errorf("%s: %v, want ErrNotEnrolled with its cause", word, err)
			}
			if tok, err := c.cfg.Tree.Tokens(); err != nil || tok != (settings.Tokens{}) {
				t.Errorf("%s: tokens still on disk (%v)", word, err)
			}
			if guid, err := c.cfg.Tree.GUID(); err != nil || guid != engineGUID || c.SigningKey() == nil || c.Status().Trust != TrustPinned {
				t.Errorf("%s: GUID %q (%v) or trust was lost", word, guid, err)
			}
			f.answer(wire.PathTokenRefresh, nil)
			if err := c.Authenticate(t.Context()); err != nil {
				t.Fatal(err)
			}
			asked := f.to(wire.PathEnrollRequest)
			if len(asked) != 2 || asked[1].body["agent_pubkey"] != asked[0].body["agent_pubkey"] || c.cfg.Identity.Fingerprint() != print {
				t.Errorf("%s: %d enrollments, want a second one with the same key", word, len(asked))
			}
			post(t, c)
		})
	}
}

func TestAProxysRefusalCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		time.Sleep(time.Hour)
		f.answer(wire.PathTokenRefresh, send(401, `<html>log in to the proxy`))
		if err := c.Post(t.Context(), wire.PathHeartbeat, nil, nil); !is(err, 401, "") {
			t.Errorf("%v, want the proxy's 401", err)
		}
		if tok, err := c.cfg.Tree.Tokens(); err != nil || tok.Refresh == "" {
			t.Errorf("the refresh token is gone (%v)", err)
		}
	})
}

func TestTheOtherProcesssTokensAreTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		root := t.TempDir()
		c, other := f.clientOf(f.config(root)), f.clientOf(f.config(root))
		for _, client := range []*Client{c, other} {
			if err := client.Authenticate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		f.set(func() { clear(f.access); clear(f.refresh) })
		if err := other.Post(t.Context(), wire.PathHeartbeat, nil, nil); !errors.Is(err, ErrNotEnrolled) {
			t.Fatal(err)
		}
		if err := other.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		post(t, c) // its own refresh token is refused by now
		if n := len(f.to(wire.PathEnrollRequest)); n != 2 {
			t.Errorf("%d enrollments, want the other process's second one to do", n)
		}
	})
}

// TestTheOtherProcessEnrollsDuringOurRefresh has new tokens appear on disk while ours are being refused.
func TestTheOtherProcessEnrollsDuringOurRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		f.set(func() { clear(f.access); clear(f.refresh) })
		f.answer(wire.PathTokenRefresh, func(w http.ResponseWriter, _ *http.Request) {
			f.set(func() { f.access["a2"], f.refresh["r2"] = true, true })
			now := time.Now().Truncate(time.Second)
			err := c.cfg.Tree.SaveTokens(settings.Tokens{Access: "a2", Refresh: "r2", BoundAt: now, ExpiresAt: now.Add(895 * time.Second)})
			if err != nil {
				t.Error(err)
			}
			fail(w, 401, "refresh_token_revoked")
		})
		post(t, c)
		if tok, err := c.cfg.Tree.Tokens(); err != nil || tok.Refresh != "r2" || c.held().Refresh != "r2" {
			t.Errorf("the other process's tokens were removed (%v)", err)
		}
	})
}

func TestFailingRefreshLeavesALivingTokenInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		f.answer(wire.PathTokenRefresh, send(503, ``))
		time.Sleep(840 * time.Second)
		for range 38 {
			post(t, c)
			time.Sleep(time.Second)
		}
		if n := len(f.to(wire.PathTokenRefresh)); n < 3 || n > 7 {
			t.Errorf("%d refreshes in 38 s of failure, want a few at growing distances", n)
		}
		time.Sleep(10 * time.Second)
		if err := c.Post(t.Context(), wire.PathHeartbeat, nil, nil); !is(err, 503) {
			t.Errorf("with a dead token: %v, want the refresh's failure", err)
		}
		f.answer(wire.PathTokenRefresh, nil)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		post(t, c)
	})
}

func TestRefreshAnswersThatAreNone(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no token": send(200, `{"expires_in":900}`),
		"not JSON": send(200, `<html>`),
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "400")
			_, _ = w.Write([]byte(`{"access_token":"`))
			panic(http.ErrAbortHandler)
		},
		"slow": func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := start(t, "engine.test")
			c := f.enrolled()
			time.Sleep(time.Hour)
			f.answer(wire.PathTokenRefresh, answer)
			before := time.Now()
			err := c.Post(t.Context(), wire.PathHeartbeat, nil, nil)
			if !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrUnreachable) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(before); took > refreshTimeout+time.Second {
				t.Errorf("%s took %v", name, took)
			}
			f.answer(wire.PathTokenRefresh, nil)
			if err := c.Authenticate(t.Context()); err != nil || len(f.to(wire.PathEnrollRequest)) != 1 {
				t.Errorf("%s: afterwards %v", name, err)
			}
		})
	}
}

func TestRevokedAndForgottenDevicesAskSeldom(t *testing.T) {
	for _, c := range []struct {
		status int
		word   string
		err    error
		state  State
	}{
		{403, "device_revoked", ErrRevoked, StateRevoked},
		{404, "device_not_found", ErrDeviceUnknown, StateForgotten},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := start(t, "engine.test")
			client := f.enrolled()
			f.answer(wire.PathTokenRefresh, func(w http.ResponseWriter, _ *http.Request) { fail(w, c.status, c.word) })
			time.Sleep(time.Hour)
			done := make(chan error, 1)
			go func() { done <- client.Authenticate(t.Context()) }()
			for range 600 {
				time.Sleep(6 * time.Second)
				if err := client.Post(t.Context(), wire.PathHeartbeat, nil, nil); !errors.Is(err, c.err) {
					t.Fatalf("%s: post says %v", c.word, err)
				}
			}
			if n := len(f.to(wire.PathTokenRefresh)); n < 6 || n > 12 {
				t.Errorf("%s: %d refreshes in an hour, want at most one in 5 minutes", c.word, n)
			}
			if s := client.Status(); s.State != c.state || !strings.Contains(s.LastError, c.err.Error()) {
				t.Errorf("%s: %+v", c.word, s)
			}
			f.answer(wire.PathTokenRefresh, nil)
			if err := <-done; err != nil || client.Status().State != StateEnrolled || len(f.to(wire.PathEnrollRequest)) != 1 {
				t.Errorf("%s: once active again: %v, %+v", c.word, err, client.Status())
			}
		})
	}
}

func TestDeviceLimitIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		f.answer(wire.PathHeartbeat, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "20")
			send(429, `{"error":"rate_limited"}`)(w, r)
		})
		err := c.heartbeat(t.Context())
		var status *StatusError
		if !errors.As(err, &status) || status.RetryAfter != 20*time.Second {
			t.Fatalf("%v, want a 429 with its pause", err)
		}
		before := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := c.Post(ctx, wire.PathDetails, nil, nil); !errors.Is(err, ErrPutOff) || time.Since(before) != 0 {
			t.Errorf("a hurried call: %v after %v, want ErrPutOff at once", err, time.Since(before))
		}
		post(t, c)
		if took := time.Since(before); took < 20*time.Second || took > 31*time.Second {
			t.Errorf("the next call went out after %v, want 20 s and some jitter", took)
		}
	})
}

func TestPathsThatAreNotPosted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		sent := len(f.requests)
		for _, path := range []string{
			"", "/", "/health", "//evil.test/api/x", "https://evil.test/api/x", "/api/../x", "/api//x", "/api/%2e%2e/x", "api/x",
			"/api/x#y", "\x00", "@evil.test/api/", "/api/agent/enroll/poll", "/api/agent/token/refresh",
		} {
			if err := c.Post(t.Context(), path, nil, nil); !errors.Is(err, ErrPath) {
				t.Errorf("Post(%q) = %v, want ErrPath", path, err)
			}
		}
		if len(f.requests) != sent {
			t.Error("one of them went out")
		}
		if err := c.Post(t.Context(), "/api/agent/hash?agent_id=x", nil, nil); err != nil {
			t.Errorf("a query: %v", err)
		}
		if err := c.Post(t.Context(), wire.PathDetails, func() {}, nil); err == nil {
			t.Error("a function was posted")
		}
	})
}

// TestAConnectionThatTheEngineClosedIsNoFailure has the Engine close each connection under the next call.
func TestAConnectionThatTheEngineClosedIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		for range 5 {
			closing := true
			f.answer(wire.PathHeartbeat, func(w http.ResponseWriter, _ *http.Request) {
				if closing {
					closing = false
					hangUp(w)
				}
			})
			if err := c.heartbeat(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.to(wire.PathHeartbeat)[0].header["Idempotency-Key"]; got != nil {
			t.Errorf("a header went out that is not of the contract: %q", got)
		}
	})
}

func TestBasePathAndAnswerCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		cfg.ServerURL = "https://engine.test/prefix/"
		c := f.clientOf(cfg)
		if at, err := c.resolve("/api/a?b=c"); err != nil || at != "https://engine.test/prefix/api/a?b=c" {
			t.Errorf("resolved to %q, %v", at, err)
		}
		enrolled := f.enrolled()
		f.answer("/api/agent/large", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`"` + strings.Repeat("x", maxAnswer) + `"`))
		})
		if err := enrolled.Post(t.Context(), "/api/agent/large", nil, new(string)); !errors.Is(err, ErrAnswer) {
			t.Errorf("an answer past the cap: %v", err)
		}
	})
}

func FuzzEngineAnswers(f *testing.F) {
	f.Add(uint16(200), "3", []byte(`{"status":"approved","guid":"7B1E9C40-52AD-4E0B-8F6C-1D2E3F4A5B6C","access_token":"a","refresh_token":"r"}`))
	f.Add(uint16(429), "Sat, 01 Jan 2000 00:10:00 GMT", []byte(`{"error":"rate_limited","retry_after":1e300}`))
	f.Add(uint16(301), "", []byte(`{"status":"pending","approval_reference":"r","server_nonce":"AAAA","server_certificate":"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----","signing_key":"MCow"}`))
	f.Fuzz(func(t *testing.T, status uint16, after string, body []byte) {
		synctest.Test(t, func(t *testing.T) {
			engine := startWith(t, nil, nil)
			cfg := engine.config(t.TempDir())
			cfg.ServerURL, cfg.AllowPlainHTTP = "http://localhost:5000", true
			c := engine.clientOf(cfg)
			answer := func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Retry-After"] = []string{after}
				w.WriteHeader(200 + int(status)%400)
				_, _ = w.Write(body)
			}
			for _, path := range []string{wire.PathEnrollRequest, wire.PathEnrollPoll, wire.PathTokenRefresh} {
				engine.answer(path, answer)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			err := c.Authenticate(ctx)
			if n := len(engine.to(wire.PathEnrollRequest)); n > 40 {
				t.Fatalf("%d requests in 5 minutes", n)
			}
			if err == nil && (c.held().Access == "" || c.held().Refresh == "") {
				t.Fatal("authenticated without tokens")
			}
		})
	})
}
