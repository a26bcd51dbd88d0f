package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// TestALifeSurvivesACut cuts the connection once, at some byte of everything that a device says and hears in its life:
// enrollment, a refused token and its refresh, the Socket.IO handshake, a result and its acknowledgement. Whatever byte
// it is, the device is enrolled in the end, without help, and the Engine has the result.
func TestALifeSurvivesACut(t *testing.T) {
	for _, c := range []struct {
		name string
		tls  bool
		step int
	}{{"plain", false, 23}, {"TLS", true, 211}} {
		c.step = enginetest.AtLength(1, c.step)
		for _, up := range []bool{true, false} {
			name := fmt.Sprintf("%s/up=%t", c.name, up)
			whole := &enginetest.Scissors{Up: up, At: -1}
			t.Run(name+"/whole", func(t *testing.T) { live(t, c.tls, whole) })
			cuts := 0
			for at := c.step / 2; at < whole.Passed(); at += c.step {
				cuts++
				if !t.Run(fmt.Sprintf("%s/at=%d", name, at), func(t *testing.T) { live(t, c.tls, &enginetest.Scissors{Up: up, At: at}) }) {
					return
				}
			}
			t.Logf("%s: %d cuts in %d bytes", name, cuts, whole.Passed())
		}
	}
}

// live is the life of a device.
func live(t *testing.T, secure bool, s *enginetest.Scissors) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := engineOver(t, secure)
		cfg := f.config(filepath.Join(dir, "tree"))
		if !secure {
			cfg.ServerURL, cfg.AllowPlainHTTP = "http://127.0.0.1:5000", true
		}
		s.Dialer = f.net.dial
		cfg.Dial = s.Dial
		c := f.clientOf(cfg)
		if err := stubborn(t, c.Authenticate); err != nil {
			t.Fatal(err)
		}
		f.set(func() { clear(f.access) }) // the Engine has forgotten the token: the next call has to refresh it
		o, err := outbox.Open(filepath.Join(dir, "outbox"), outbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() { _ = o.Run(ctx, c) })
		parts.Go(func() { _ = c.Converse(ctx, make(ear, 10)) })
		if err := o.Put(wire.Result{ID: "1", Role: "t", Event: wire.EventJobResult, Data: []byte(`{"job_id":1}`)}); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Hour); o.Len() > 0; time.Sleep(time.Second) {
			if time.Now().After(end) {
				t.Fatalf("the result is still here:\n%s", f.logged())
			}
		}
		cancel()
		parts.Wait()
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		expectWellLived(t, f, c)
	})
}

func engineOver(t *testing.T, secure bool) *fake {
	t.Helper()
	if !secure {
		return startWith(t, nil, nil)
	}
	return startWith(t, authorityOnce(t), &tls.Config{Certificates: []tls.Certificate{authorityOnce(t).leaf(t, farOff, "engine.test")}})
}

// stubborn asks again until it works: what is not worth a second try is a failure here.
func stubborn(t *testing.T, f func(context.Context) error) (err error) {
	t.Helper()
	for range 10 {
		if err = f(t.Context()); err == nil {
			return nil
		}
		time.Sleep(time.Minute)
	}
	return err
}

func expectWellLived(t *testing.T, f *fake, c *Client) {
	t.Helper()
	if s := c.Status(); s.State != StateEnrolled || s.GUID != engineGUID {
		t.Errorf("%+v", s)
	}
	if text := f.logged(); strings.Contains(text, "canary") {
		t.Errorf("a secret in the log:\n%s", text)
	}
	results := 0
	for len(f.events) > 0 {
		if e := <-f.events; e.name == wire.EventJobResult && e.data == `{"job_id":1}` {
			results++
		}
	}
	if results < 1 || results > 2 { // a second time when the cut took the acknowledgement
		t.Errorf("the Engine has the result %d times", results)
	}
}

// authorityOnce saves a key for each cut.
var authorityOnce = func() func(*testing.T) *certs {
	var once sync.Once
	var made *certs
	return func(t *testing.T) *certs {
		once.Do(func() { made = newCerts(t) })
		return made
	}
}()
