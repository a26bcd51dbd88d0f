package socketio_test

import (
	"errors"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// BenchmarkEvent measures events per second from our client through our server, over loopback.
func BenchmarkEvent(b *testing.B) {
	got := make(chan struct{}, 1024)
	_, url := serve(b, socketio.ServerConfig{OnEvent: func(*socketio.Socket, socketio.Message) { got <- struct{}{} }})
	c := dial(b, socketio.Config{URL: url})
	payload := map[string]any{"agent_id": "LAB-PC7_SYSTEM", "job_id": 4711, "status": "Success", "stdout": "tern-7\n"}
	b.ReportAllocs()
	b.ResetTimer()
	sent := make(chan error, 1)
	go func() {
		var err error
		for range b.N {
			err = errors.Join(err, c.Emit(b.Context(), "quick_job_result", payload))
		}
		sent <- err
	}()
	for range b.N {
		<-got
	}
	if err := <-sent; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
