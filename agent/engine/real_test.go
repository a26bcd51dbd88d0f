package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/identity"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// soon is for a busy machine: nothing here takes a second but what the contract makes wait.
const soon = 2 * time.Minute

// journal is a log that tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// configIn is that of a device whose tree lies under root, at the Engine e, which it has no reason to trust yet.
func configIn(t *testing.T, e *enginetest.Engine, root string) (engine.Config, *journal) {
	t.Helper()
	tree, err := settings.Options{Getenv: func(string) string { return "" }, Sealer: settings.Plain{}}.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.Open(t.Context(), identity.Config{
		Store: tree.Identity(), Sealer: tree.Sealer(),
		Lock: func(ctx context.Context) (func(), error) { return tree.Lock(ctx, settings.LockIdentity) },
	})
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	return engine.Config{
		Tree: tree, Identity: id, Mode: wire.System, Hostname: "lab-node-07", ServerURL: e.URL(), Code: e.Code,
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
		Log:   slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, log
}

// clientOf is one process of a device.
func clientOf(t *testing.T, cfg engine.Config) *engine.Client {
	t.Helper()
	c, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// enrolledAt is a device that trusts e's root and has been approved.
func enrolledAt(t *testing.T, e *enginetest.Engine, change func(*engine.Config)) (*engine.Client, engine.Config) {
	t.Helper()
	cfg, _ := configIn(t, e, t.TempDir())
	cfg.RootCAs = e.RootPEM()
	if change != nil {
		change(&cfg)
	}
	c := clientOf(t, cfg)
	authenticate(t, c)
	return c, cfg
}

func authenticate(t *testing.T, c *engine.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := c.Authenticate(ctx); err != nil {
		t.Fatal(err, c.Status())
	}
}

// refusedOnce tries for as long as one attempt takes, and says why it came to nothing.
func refusedOnce(t *testing.T, c *engine.Client) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Authenticate(ctx) }()
	for {
		select {
		case err := <-done:
			if err == nil {
				t.Fatal("authenticated")
			}
			return err.Error()
		case <-time.After(10 * time.Millisecond):
		}
		if text := c.Status().LastError; text != "" {
			cancel()
			<-done
			return text
		}
	}
}

// counted counts the requests that reach the Engine at the paths of the contract.
func counted(e *enginetest.Engine) func() int {
	var mu sync.Mutex
	n := 0
	for _, path := range []string{
		wire.PathEnrollRequest, wire.PathEnrollPoll, wire.PathTokenRefresh, wire.PathHeartbeat, wire.PathDetails, "/socket.io/",
	} {
		e.Fault(path, func(http.ResponseWriter, *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			n++
			return false
		})
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// TestARealRefusalIsTold goes through what an Engine does to a device that it has taken in before.
func TestARealRefusalIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do    func(e *enginetest.Engine, guid string) error
		err   error
		state engine.State
	}{
		"revoked":   {func(e *enginetest.Engine, guid string) error { return e.SetStatus(guid, enginetest.StatusRevoked) }, engine.ErrRevoked, engine.StateRevoked},
		"forgotten": {func(e *enginetest.Engine, guid string) error { return e.Purge(guid) }, engine.ErrDeviceUnknown, engine.StateForgotten},
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true})
			client, _ := enrolledAt(t, e, nil)
			if err := c.do(e, client.GUID()); err != nil {
				t.Fatal(err)
			}
			reached := counted(e)
			if err := client.Post(t.Context(), wire.PathHeartbeat, nil, nil); !errors.Is(err, c.err) {
				t.Errorf("%v, want %v", err, c.err)
			}
			before := reached()
			if err := client.Post(t.Context(), wire.PathHeartbeat, nil, nil); !errors.Is(err, c.err) || reached() != before {
				t.Errorf("once more: %v, and %d requests reached the Engine", err, reached()-before)
			}
			if s := client.Status(); s.State != c.state {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestAnotherKeyTakesTheHostName has the operator give the device's place to another key: that is a new token version,
// and the end of the old refresh token.
func TestAnotherKeyTakesTheHostName(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second})
	approve := func(r enginetest.Resolution) {
		t.Helper()
		p, err := e.WaitPending(t.Context())
		if err == nil {
			_, err = e.ApproveAs(p.Reference, r)
		}
		if err != nil {
			t.Error(err)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { approve(enginetest.Undecided) })
	old, _ := enrolledAt(t, e, nil)
	wg.Wait()
	wg.Go(func() { approve(enginetest.Overwrite) })
	taker, _ := enrolledAt(t, e, nil)
	wg.Wait()
	if old.GUID() != taker.GUID() {
		t.Fatalf("GUIDs %s and %s", old.GUID(), taker.GUID())
	}
	if err := old.Post(t.Context(), wire.PathHeartbeat, nil, nil); !errors.Is(err, engine.ErrNotEnrolled) {
		t.Errorf("the old key: %v, want ErrNotEnrolled", err)
	}
	if err := taker.Post(t.Context(), wire.PathHeartbeat, nil, nil); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

// TestTheLimitIsNeverReached has both processes of a device call as fast as they can.
func TestTheLimitIsNeverReached(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true, RateLimits: true})
	first, cfg := enrolledAt(t, e, nil)
	cfg.Mode = wire.CurrentUser
	second := clientOf(t, cfg)
	authenticate(t, second)
	var wg sync.WaitGroup
	for _, c := range []*engine.Client{first, second} {
		wg.Go(func() {
			// Below the minute that the budget looks back over, and long for a busy machine.
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
			defer cancel()
			done := 0
			for {
				err := c.Post(ctx, wire.PathHeartbeat, nil, nil)
				if errors.Is(err, engine.ErrPutOff) {
					break
				}
				if err != nil {
					t.Error(err)
					return
				}
				done++
			}
			if done != 24 {
				t.Errorf("%d calls went out, want 24", done)
			}
		})
	}
	wg.Wait()
}

// TestCallsOfTheContract reads what the Engine has kept of each call.
func TestCallsOfTheContract(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true})
	client, _ := enrolledAt(t, e, nil)
	details := json.RawMessage(`{"summary":{"hostname":"lab-node-07","operating_system":"Debian"},"memory":[],"cpu":{"name":"c"}}`)
	for path, body := range map[string]any{
		wire.PathDetails:   wire.Details{AgentID: client.AgentID(), Hostname: "lab-node-07", Details: details},
		wire.PathHeartbeat: wire.Heartbeat{GUID: client.GUID(), Hostname: "lab-node-07", Metrics: wire.Metrics{ServiceMode: "system", Uptime: 7}},
	} {
		if err := client.Post(t.Context(), path, body, nil); err != nil {
			t.Error(err)
		}
	}
	if err := client.ReportHash(t.Context(), "0c1d2e3f"); err != nil {
		t.Error(err)
	}
	var kept struct {
		AgentHash string `json:"agent_hash"`
		AgentID   string `json:"agent_id"`
	}
	if err := client.Post(t.Context(), wire.PathHash, wire.HashReport{AgentHash: "0c1d2e40", AgentGUID: client.GUID()}, &kept); err != nil || kept.AgentHash != "0c1d2e40" || kept.AgentID != client.AgentID() {
		t.Errorf("hash: %+v, %v", kept, err)
	}
	beats := e.Heartbeats(client.GUID())
	if len(beats) != 1 {
		t.Errorf("%d heartbeats", len(beats))
	}
	if !strings.Contains(string(e.Details(client.GUID())), "Debian") {
		t.Errorf("details %s", e.Details(client.GUID()))
	}
	var offer wire.TunnelEnsure
	err := client.Post(t.Context(), wire.PathTunnelEnsure, wire.TunnelEnsure{AgentID: client.AgentID(), Reason: wire.ReasonBoot}, &offer)
	var status *engine.StatusError
	if !errors.As(err, &status) || status.Word != "tunnel_start_failed" {
		t.Errorf("tunnel: %v, want what an Engine without WireGuard says", err)
	}
}
