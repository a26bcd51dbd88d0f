package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAScriptIsFollowedWhileItRuns(t *testing.T) {
	r := openRole(t)
	dir := t.TempDir()
	s := r.startScript("bash", `printf 'za\xc5'; echo x >&2; while [ ! -e go ]; do sleep 0.01; done; printf '\xbc\xc3\xb3'`, opts{"cwd": dir})
	var seen string
	follow := func(want string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); seen != want && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			out := s.do(context.Background(), "progress").table(t)
			seen += out["stdout"].(string) + out["stderr"].(string)
		}
		if strings.ReplaceAll(seen, "x\n", "") != strings.ReplaceAll(want, "x\n", "") {
			t.Fatalf("seen %q, want %q", seen, want)
		}
	}
	follow("zax\n") // half a letter waits for its rest
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	follow("zax\nżó")
	s.do(context.Background(), "wait").table(t)
	out := s.do(context.Background(), "progress").table(t)
	if out["stdout"] != "" || out["stdout_bytes"] != 6.0 || out["stderr_bytes"] != 2.0 || out["truncated"] != false {
		t.Errorf("at the end: %v", out)
	}
	if out := s.do(context.Background(), "output").table(t); out["stdout"] != "zażó" {
		t.Errorf("in all: %v", out)
	}
	s.do(context.Background(), "progress", opts{"max_bytes": 0.0}).misused(t, "max_bytes")
	s.expect(true, "close")
}

// TestPiecesMakeTheWhole reads a growing capture in pieces: together with what is said to be left out they are all of it.
func TestPiecesMakeTheWhole(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := &capture{limit: 1 + random.IntN(40)}
		most := 1 + random.IntN(30)
		var f follower
		var total, told int
		for range 50 {
			piece := strings.Repeat("ż", random.IntN(12))
			n, _ := c.Write([]byte(piece))
			total += n
			if random.IntN(3) > 0 {
				continue
			}
			text, cut := f.news(c, most, false)
			rest, left := string(text), 0
			if cut {
				if n, _ := fmt.Sscanf(rest, "\n[... %d bytes left out ...]\n", &left); n != 1 {
					t.Fatalf("seed %d: %q says not how much is left out", seed, text)
				}
				_, rest, _ = strings.Cut(rest, "...]\n")
			}
			if strings.Trim(rest, "ż") != "" || len(rest) > max(most, 2) {
				t.Fatalf("seed %d: %q of at most %d bytes", seed, rest, most)
			}
			if told += left + len(rest); told+len(f.decoder.held) != total {
				t.Fatalf("seed %d: %d bytes told of %d", seed, told, total)
			}
		}
	}
}
