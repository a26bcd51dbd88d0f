package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// atLength makes TestALifeSurvivesACut try each byte there is instead of a sample of them, as docs/reliability.md tells.
const atLength = "BOREALIS_LONG"

// TestALifeSurvivesACut cuts the connection once, at some byte of everything that a device says and hears in its life:
// enrollment, a refused token and its refresh, the Socket.IO handshake, a result and its acknowledgement. Whatever byte
// it is, the device is enrolled in the end, without help, and the Engine has the result.
func TestALifeSurvivesACut(t *testing.T) {
	for _, c := range []struct {
		name string
		tls  bool
		step int
	}{{"plain", false, 23}, {"TLS", true, 211}} {
		if os.Getenv(atLength) != "" {
			c.step = 1
		}
		for _, up := range []bool{true, false} {
			name := fmt.Sprintf("%s/up=%t", c.name, up)
			whole := &scissors{up: up, at: -1}
			t.Run(name+"/whole", func(t *testing.T) { live(t, c.tls, whole) })
			cuts := 0
			for at := c.step / 2; at < whole.passed; at += c.step {
				cuts++
				if !t.Run(fmt.Sprintf("%s/at=%d", name, at), func(t *testing.T) { live(t, c.tls, &scissors{up: up, at: at}) }) {
					return
				}
			}
			t.Logf("%s: %d cuts in %d bytes", name, cuts, whole.passed)
		}
	}
}

// live is the life of a device.
func live(t *testing.T, secure bool, s *scissors) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := engineOver(t, secure)
		cfg := f.config(filepath.Join(dir, "tree"))
		if !secure {
			cfg.ServerURL, cfg.AllowPlainHTTP = "http://127.0.0.1:5000", true
		}
		s.Dialer = f.net.dial
		cfg.Dial = s.dial
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

// scissors cut one connection once, when so many bytes have passed in one direction over all connections.
type scissors struct {
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
	up     bool
	at     int // -1 for never

	mu     sync.Mutex
	passed int
	done   bool
}

func (s *scissors) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.Dialer(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &thread{conn, s}, nil
}

// pass says how many of n bytes still go through, and whether that was the cut.
func (s *scissors) pass(n int) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at >= 0 && !s.done && s.passed+n > s.at {
		s.done = true
		return s.at - s.passed, true
	}
	s.passed += n
	return n, false
}

// thread is a connection that may be cut.
type thread struct {
	net.Conn
	scissors *scissors
}

func (c *thread) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.scissors.up || n == 0 {
		return n, err
	}
	n, cut := c.scissors.pass(n)
	if cut {
		_ = c.Conn.Close()
		return n, net.ErrClosed
	}
	return n, err
}

func (c *thread) Write(b []byte) (int, error) {
	if !c.scissors.up {
		return c.Conn.Write(b)
	}
	n, cut := c.scissors.pass(len(b))
	if !cut {
		return c.Conn.Write(b)
	}
	n, _ = c.Conn.Write(b[:n])
	_ = c.Conn.Close()
	return n, net.ErrClosed
}
