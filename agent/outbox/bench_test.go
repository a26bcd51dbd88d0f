package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

func BenchmarkPut(b *testing.B) {
	o, err := Open(filepath.Join(b.TempDir(), "outbox.db"), Options{MaxItems: 1 << 30, MaxBytes: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	defer o.Close()
	for b.Loop() {
		if err := o.Put(result(1)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend measures how many results that wait on disk reach a server of ours in a second and are off the disk, by
// the time that a byte takes to the server and back.
func BenchmarkSend(b *testing.B) {
	for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
		b.Run(fmt.Sprintf("latency=%v", latency), func(b *testing.B) {
			server := socketio.NewServer(socketio.ServerConfig{OnEvent: func(_ *socketio.Socket, m socketio.Message) { _ = m.Ack() }})
			web := httptest.NewServer(server)
			defer web.Close()
			defer server.Close()
			address := strings.TrimPrefix(web.URL, "http://")
			if latency > 0 {
				address = longLine(b, address, latency/2)
			}
			conn, err := socketio.Dial(b.Context(), socketio.Config{URL: "http://" + address})
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			o, err := Open(filepath.Join(b.TempDir(), "outbox.db"), Options{MaxItems: 1 << 30, MaxBytes: 1 << 40})
			if err != nil {
				b.Fatal(err)
			}
			defer o.Close()
			for range b.N {
				if err := o.Put(result(1)); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- o.Run(ctx, session{conn}) }()
			for o.Len() > 0 {
				time.Sleep(100 * time.Microsecond)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "results/s")
			cancel()
			<-ended
		})
	}
}

// session is a Sender over one Socket.IO session.
type session struct{ conn *socketio.Conn }

func (s session) Emit(ctx context.Context, event string, data json.RawMessage) error {
	return s.conn.Emit(ctx, event, data)
}

func (s session) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	sent, err := s.conn.Send(ctx, event, data)
	if err != nil {
		return nil, err
	}
	return sent.Received, nil
}
