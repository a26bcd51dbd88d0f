package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// BenchmarkRunEmpty is an empty bash script through the binding, against a bare fork and exec of the same shell with
// the same script in a file that is there already.
func BenchmarkRunEmpty(b *testing.B) {
	r := openRole(b)
	bash, err := newModule(r.host).search("bash")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("binding", func(b *testing.B) {
		ctx := context.Background()
		call := bindings.Call{Module: "process", Func: "run_script", Args: []any{"bash", ""}}
		for b.Loop() {
			if _, err := r.set.Call(ctx, call); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		script := filepath.Join(b.TempDir(), "script.sh")
		if err := os.WriteFile(script, nil, 0o600); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := exec.Command(bash, script).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOutput is how fast 100 MB of output pass, capped.
func BenchmarkOutput(b *testing.B) {
	r := openRole(b)
	const size = 100_000_000
	b.SetBytes(size)
	for b.Loop() {
		r.must("run", argv("head", "-c", "100000000", "/dev/zero"))
	}
}
