package engine

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// TestOverRealSockets enrolls and converses over TCP, with a stock certificate reached by name and by address.
func TestOverRealSockets(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1"} {
		t.Run(host, func(t *testing.T) {
			authority := newCerts(t)
			f := startWith(t, authority, nil)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			conf := &tls.Config{Certificates: []tls.Certificate{authority.leaf(t, farOff, "localhost", "127.0.0.1", "::1")}}
			server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
			served := make(chan error, 1)
			go func() { served <- server.Serve(tls.NewListener(listener, conf)) }()
			t.Cleanup(func() {
				_ = server.Close()
				<-served
			})
			cfg := f.config(t.TempDir())
			cfg.ServerURL = fmt.Sprintf("https://%s:%d", host, listener.Addr().(*net.TCPAddr).Port)
			cfg.Dial = nil
			c := f.clientOf(cfg)
			heard := make(ear, 1)
			converse(t, c, heard)
			socket := f.greeted("LAB-NODE-07_"+engineGUID+"_SYSTEM", "system")
			if err := c.WaitConnected(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := socket.Emit("hello", 1); err != nil {
				t.Fatal(err)
			}
			if ev := <-heard; ev.Name != "hello" {
				t.Errorf("heard %+v", ev)
			}
			if err := c.Emit(t.Context(), wire.EventJobResult, []byte(`{}`)); err != nil {
				t.Error(err)
			}
			if s := c.Status(); s.Trust != TrustPinned || !s.Connected {
				t.Errorf("%+v", s)
			}
		})
	}
}
