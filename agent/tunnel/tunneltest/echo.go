package tunneltest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Echo answers on a free port of this machine, until the test ends, with what it gets.
func Echo(t testing.TB) (port int) {
	t.Helper()
	return EchoAt(t, "127.0.0.1")
}

// EchoAt is Echo at one of the machine's addresses.
func EchoAt(t testing.TB, address string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp4", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				defer context.AfterFunc(t.Context(), func() { _ = c.Close() })() // its peer may be gone without a word
				_, _ = io.Copy(c, c)                                             // the test sees what is missing
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}
