package outbox

import (
	"path/filepath"
	"testing"
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

// BenchmarkPutAndSend is a result's whole way with an Engine that answers at once.
func BenchmarkPutAndSend(b *testing.B) {
	o, err := Open(filepath.Join(b.TempDir(), "outbox.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	e := &engine{each: make(chan string, 1)}
	ended := make(chan error)
	go func() { ended <- o.Run(b.Context(), e) }()
	for b.Loop() {
		if err := o.Put(result(1)); err != nil {
			b.Fatal(err)
		}
		<-e.each
	}
	if err := o.Close(); err != nil {
		b.Fatal(err)
	}
	<-ended
}
