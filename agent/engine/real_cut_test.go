package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// nobody hears what the Engine says.
type nobody struct{}

func (nobody) Event(wire.Event) {}

// TestALifeAtTheEmbeddedEngineSurvivesACut is TestALifeSurvivesACut before the embedded Engine, over real TLS and TCP:
// the line is cut once, at some byte of an enrollment, a refresh, or a result and its acknowledgement.
func TestALifeAtTheEmbeddedEngineSurvivesACut(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true, FirstPoll: time.Second})
	step, lives, failed := enginetest.AtLength(1, 499), 0, make(chan error, 1)
	for _, up := range []bool{true, false} {
		whole := &enginetest.Scissors{Dialer: new(net.Dialer).DialContext, Up: up, At: -1}
		if err := live(lifeConfig(t, e, fmt.Sprintf("whole-%t", up), whole)); err != nil {
			t.Fatal(err)
		}
		var living sync.WaitGroup
		places := make(chan struct{}, 300)
		cuts := 0
		for at := 0; at < whole.Passed(); at += step {
			s := &enginetest.Scissors{Dialer: new(net.Dialer).DialContext, Up: up, At: at}
			cfg, dir := lifeConfig(t, e, fmt.Sprintf("cut-%t-%d", up, at), s)
			places <- struct{}{}
			living.Go(func() {
				defer func() { <-places }()
				if err := live(cfg, dir); err != nil {
					select {
					case failed <- fmt.Errorf("up %t, at %d: %w", up, s.At, err):
					default:
					}
				}
				os.RemoveAll(dir)
			})
			cuts++
		}
		living.Wait()
		lives += cuts + 1
		t.Logf("up %t: %d cuts in %d bytes", up, cuts, whole.Passed())
	}
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
	if n := len(e.Devices()); n != lives {
		t.Errorf("%d devices of %d lives", n, lives)
	}
}

func lifeConfig(t *testing.T, e *enginetest.Engine, name string, s *enginetest.Scissors) (engine.Config, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	cfg, _ := configIn(t, e, filepath.Join(dir, "tree"))
	cfg.Hostname, cfg.RootCAs, cfg.Log, cfg.Dial = name, e.RootPEM(), nil, s.Dial
	cfg.Jitter = func() float64 { return 0 } // what is worth a second try is tried soon
	return cfg, dir
}

// live is the life of a device: it enrolls, and as another process finds its token out of date, refreshes it, and
// delivers a result.
func live(cfg engine.Config, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := enroll(ctx, cfg); err != nil {
		return err
	}
	tokens, err := cfg.Tree.Tokens()
	if err != nil {
		return err
	}
	tokens.ExpiresAt = time.Unix(1, 0)
	if err := cfg.Tree.SaveAccess(tokens); err != nil {
		return err
	}
	c, err := engine.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := deliver(ctx, c, filepath.Join(dir, "outbox")); err != nil {
		return err
	}
	if tokens, err = cfg.Tree.Tokens(); err == nil && tokens.ExpiresAt.Before(time.Now()) {
		err = errors.New("the token was not refreshed")
	}
	return err
}

func enroll(ctx context.Context, cfg engine.Config) error {
	c, err := engine.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Authenticate(ctx)
}

// deliver has one result delivered.
func deliver(ctx context.Context, c *engine.Client, path string) error {
	o, err := outbox.Open(path, outbox.Options{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	parts.Go(func() { _ = o.Run(ctx, c) })
	parts.Go(func() { _ = c.Converse(ctx, nobody{}) })
	err = o.Put(wire.Result{ID: "1", Role: "t", Event: wire.EventJobResult, Data: []byte(`{"job_id":1,"status":"Success"}`)})
	for err == nil && o.Len() > 0 {
		if err = ctx.Err(); err == nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
	cancel()
	parts.Wait()
	return errors.Join(err, o.Close())
}
