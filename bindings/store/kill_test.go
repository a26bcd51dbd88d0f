package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// setForever sets values as fast as it can, says each number once set has returned, and ends only by being killed.
func setForever(dir string) {
	set, err := bindings.Open(hosttest.New(dir), []bindings.Binding{New()}, nil)
	if err != nil {
		fmt.Println("broken", err)
		os.Exit(1)
	}
	for i := 1; ; i++ {
		for _, key := range []string{"last", fmt.Sprint(i % 50)} {
			call := bindings.Call{Module: "store", Func: "set", Args: []any{key, value(i)}}
			if _, err := set.Call(context.Background(), call); err != nil {
				fmt.Println("broken", err)
				os.Exit(1)
			}
		}
		fmt.Println("set", i)
	}
}

// value is the i-th value: long enough, now and then, for several pages.
func value(i int) any {
	return map[string]any{"n": float64(i), "fill": strings.Repeat("\xfe", i*997%20_000)}
}

// killAt starts a child, lets it set values until it has said some, kills it, and gives the last that it said.
func killAt(t *testing.T, dir string, lines int) (last int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for n := 0; said.Scan(); n++ {
		if _, err := fmt.Sscanf(said.Text(), "set %d", &last); err != nil {
			t.Fatalf("the child: %q", said.Text())
		}
		if n == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed, and says so
	return last
}

func TestAKilledProcessLosesNothingItSet(t *testing.T) {
	for range 10 {
		dir := dataDir(t)
		last := killAt(t, dir, rand.IntN(150))
		r := newRole(t, New(), dir)
		whole(t, r, "last", last)
		for i := max(1, last-48); i <= last; i++ {
			whole(t, r, fmt.Sprint(i%50), i)
		}
		if log := r.host.Logged(); log != "" {
			t.Errorf("opened with %s", log)
		}
		r.end()
	}
}

// whole insists that the value under a key is, whole, the one that was promised or the next, which the child did not
// live to tell of.
func whole(t *testing.T, r *role, key string, promised int) {
	t.Helper()
	got, _ := r.must("get", key).(map[string]any)
	n, _ := got["n"].(float64)
	want := value(int(n)).(map[string]any)
	later := int(n) > promised && (key == "last" || int(n)%50 == promised%50)
	if int(n) != promised && !later || got["fill"] != want["fill"] {
		t.Errorf("under %q is value %v, promised was %d", key, n, promised)
	}
}
