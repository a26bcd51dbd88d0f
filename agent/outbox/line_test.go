package outbox

import (
	"net"
	"sync"
	"testing"
	"time"
)

// longLine gives an address that leads to another one over a line on which every byte is under way for a while, each
// way. It ends with the test.
func longLine(t testing.TB, to string, way time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			all.Go(func() { carry(near, far, way) })
			all.Go(func() { carry(far, near, way) })
		}
	})
	return l.Addr().String()
}

// carry moves bytes from one end to the other, each a while after it came.
func carry(from, to net.Conn, way time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 10_000)
	go func() {
		defer close(pieces)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if n > 0 {
				pieces <- piece{time.Now().Add(way), b[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			from.Close()
		}
	}
	to.Close()
}
