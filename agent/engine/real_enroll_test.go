package engine_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// TestRealEnrollmentsThatComeToNothing has a real Engine refuse in each way that an operator, a code or another request
// leads to. Each is told by its name, the code never, and no second request follows at once.
func TestRealEnrollmentsThatComeToNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code  string
		meet  func(t *testing.T, e *enginetest.Engine)
		err   error
		state engine.State
	}{
		"denied": {"", func(t *testing.T, e *enginetest.Engine) {
			if _, err := e.WaitPending(t.Context()); err != nil {
				t.Error(err)
			}
			if err := e.Deny(""); err != nil {
				t.Error(err)
			}
		}, engine.ErrDenied, engine.StateDenied},
		"wrong code": {"canary-wrong-code", func(*testing.T, *enginetest.Engine) {}, engine.ErrCode, engine.StateCodeRefused},
		"answered elsewhere": {"", func(t *testing.T, e *enginetest.Engine) {
			e.Fault(wire.PathEnrollPoll, func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusOK)
				_, _ = w.Write([]byte(`{"status":"approved","detail":"finalized"}`))
				return true
			})
		}, engine.ErrLapsed, engine.StatePending},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second})
			cfg, log := configIn(t, e, t.TempDir())
			cfg.RootCAs = e.RootPEM()
			if c.code != "" {
				cfg.Code = func() string { return c.code }
			}
			met := make(chan struct{})
			go func() {
				defer close(met)
				c.meet(t, e)
			}()
			client := clientOf(t, cfg)
			why := refusedOnce(t, client)
			<-met
			if !strings.Contains(why, c.err.Error()) || client.Status().State != c.state {
				t.Errorf("%s, %+v; want %v", why, client.Status(), c.err)
			}
			if text := log.String(); strings.Contains(text, e.Code()) || strings.Contains(text, "canary-wrong") {
				t.Errorf("the code is in the log:\n%s", text)
			}
			if len(e.Devices()) != 0 {
				t.Error("a device came of it")
			}
		})
	}
}

// TestTheEngineLimitsEnrollments runs into the real limit of requests for one key, and keeps to the pause it asks for.
func TestTheEngineLimitsEnrollments(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{RateLimits: true, FirstPoll: time.Second})
	root := t.TempDir()
	var why string
	for range 13 {
		cfg, _ := configIn(t, e, root)
		cfg.RootCAs, cfg.Code = e.RootPEM(), func() string { return "wrong" }
		client := clientOf(t, cfg)
		why = refusedOnce(t, client)
		client.Close()
	}
	if !strings.Contains(why, `HTTP 429 "rate_limited"`) {
		t.Fatalf("the thirteenth: %s", why)
	}
	cfg, log := configIn(t, e, root)
	cfg.RootCAs, cfg.Code = e.RootPEM(), func() string { return "wrong" }
	client := clientOf(t, cfg)
	if why := refusedOnce(t, client); !strings.Contains(why, "rate_limited") {
		t.Fatal(why)
	}
	if !strings.Contains(log.String(), "next=") || client.Status().State != engine.StateUnenrolled {
		t.Errorf("%+v\n%s", client.Status(), log)
	}
}
