package enginetest

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestEnrollLimits(t *testing.T) {
	clock := newClock()
	e := Start(t, Config{RateLimits: true, Now: clock.now})
	p := newProbe(t, e, "host")
	p.header.Set("X-Forwarded-For", "192.0.2.1, 10.0.0.1")
	for i := range 12 {
		if r := p.ask(); r.status != http.StatusOK {
			t.Fatalf("request %d: %d %s", i+1, r.status, r.text)
		}
	}
	clock.pass(20500 * time.Millisecond)
	r := p.ask()
	wantError(t, r, 429, "rate_limited")
	if r.header.Get("Retry-After") != "40" || r.body["retry_after"] != 39.5 {
		t.Errorf("Retry-After %q: %s", r.header.Get("Retry-After"), r.text)
	}
	other := newProbe(t, e, "other")
	other.header = p.header
	if r := other.ask(); r.status != http.StatusOK {
		t.Errorf("another key: %d %s", r.status, r.text)
	}
	clock.pass(40 * time.Second)
	if r := p.ask(); r.status != http.StatusOK {
		t.Errorf("after the window: %d %s", r.status, r.text)
	}
}

func TestEnrollLimitPerAddress(t *testing.T) {
	e := Start(t, Config{RateLimits: true})
	p := newProbe(t, e, "host")
	p.header.Set("X-Forwarded-For", "192.0.2.1")
	for i := range 40 { // malformed ones count too: this check comes first
		wantError(t, p.post("/api/agent/enroll/request", strconv.Itoa(i)), 400, "hostname_required")
	}
	wantError(t, p.post("/api/agent/enroll/request", ""), 429, "rate_limited")
	p.header.Del("X-Forwarded-For")
	wantError(t, p.post("/api/agent/enroll/request", ""), 400, "hostname_required")
}

func TestDeviceLimit(t *testing.T) {
	clock := newClock()
	p := enrolled(t, Config{AutoApprove: true, RateLimits: true, Now: clock.now})
	paths := []string{"/api/agent/heartbeat", "/api/agent/script/request"}
	for i := range 60 {
		if r := p.post(paths[i%2], "{}"); r.status != http.StatusOK {
			t.Fatalf("call %d: %d %s", i+1, r.status, r.text)
		}
	}
	r := p.post(paths[0], "{}")
	wantError(t, r, 429, "rate_limited")
	if r.header.Get("Retry-After") != "60" || len(r.body) != 1 {
		t.Errorf("Retry-After %q: %s", r.header.Get("Retry-After"), r.text)
	}
	if r := p.renew(); r.status != http.StatusOK {
		t.Errorf("refresh is not limited: %d %s", r.status, r.text)
	}
	p.access = "nonsense"
	wantError(t, p.post(paths[0], "{}"), 401, "invalid_token")
}

func TestNoLimitsUnlessAsked(t *testing.T) {
	p := newProbe(t, Start(t, Config{}), "host")
	for range 45 {
		if r := p.ask(); r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.text)
		}
	}
}

func TestWindowForgetsAFlood(t *testing.T) {
	w := newWindow(1, true, newClock().now)
	for i := range maxWindowKeys + 1 {
		w.take(strconv.Itoa(i))
	}
	if len(w.taken) > maxWindowKeys {
		t.Errorf("%d keys", len(w.taken))
	}
}
