package outbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// child puts results as fast as it can and says each number once Put has returned, while it sends others and says
// that it is about to. It ends only by being killed.
func child(spec string) {
	path, from, _ := strings.Cut(spec, "|")
	first := 0
	fmt.Sscan(from, &first)
	o, err := Open(path, Options{MaxItems: 1 << 30, MaxBytes: 1 << 40})
	if err != nil {
		fmt.Println("broken", err)
		os.Exit(1)
	}
	go func() { _ = o.Run(context.Background(), saying{}) }()
	for i := first; ; i++ {
		data := json.RawMessage(fmt.Sprintf(`"%s"`, strings.Repeat("x", i%3000)))
		if err := o.Put(wire.Result{ID: fmt.Sprint(i), Role: "r", Event: fmt.Sprint(i), Data: data}); err != nil {
			fmt.Println("broken", err)
			os.Exit(1)
		}
		fmt.Println("put", i)
	}
}

// saying is a Sender to which everything is delivered once it is said.
type saying struct{}

func (saying) Emit(_ context.Context, event string, _ json.RawMessage) error {
	_, err := fmt.Println("sent", event)
	return err
}

func (s saying) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	return at(s.Emit(ctx, event, data)), nil
}

// told is what the children said.
type told struct {
	put, sent, owed map[int]bool
	next            int
}

// killOne starts a child, reads lines of what it says, kills it, and reads what is left.
func (l *told) killOne(t *testing.T, env, path string, lines int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%d", env, path, l.next))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for n := 0; said.Scan(); n++ {
		var word string
		var i int
		if _, err := fmt.Sscan(said.Text(), &word, &i); err != nil {
			t.Fatalf("child: %q", said.Text())
		}
		l.next = max(l.next, i+1)
		switch word {
		case "put":
			l.put[i] = true
		case "sent":
			l.sent[i] = true
		case "owed":
			l.owed[i] = true
		}
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed, and says so
}

func TestAKilledProcessLosesNothingItPromised(t *testing.T) {
	path := box(t)
	l := &told{put: map[int]bool{}, sent: map[int]bool{}}
	found, done := 0, map[int]bool{} // read by this process after a kill, and so off the disk
	for range 15 {
		l.killOne(t, childEnv, path, rand.IntN(200))
		for _, id := range ids(t, path) {
			if done[id] {
				t.Fatalf("result %d is there twice", id)
			}
			done[id] = true
			found++
			l.next = max(l.next, id+1) // it was put, though the child did not live to say so
		}
		for id := range l.put {
			if !done[id] && !l.sent[id] {
				t.Fatalf("result %d was promised, and is neither kept nor sent", id)
			}
		}
	}
	t.Logf("%d put, %d sent by the children, %d found", len(l.put), len(l.sent), found)
	if len(l.put) < 100 || len(l.sent) < 100 {
		t.Fatalf("the children did too little: %d put, %d sent", len(l.put), len(l.sent))
	}
}

// ids opens the outbox as a new process would, and reads what is in it in order.
func ids(t *testing.T, path string) []int {
	t.Helper()
	o := open(t, path, Options{MaxItems: 1 << 30, MaxBytes: 1 << 40})
	defer o.Close()
	if n, err := os.ReadDir(strings.TrimSuffix(path, "outbox.db")); err != nil || len(n) != 1 {
		t.Fatalf("beside the outbox: %v, %v", n, err)
	}
	var all []int
	ctx, cancel := context.WithCancel(t.Context())
	count := o.Len()
	if count == 0 {
		cancel()
		return nil
	}
	_ = o.Run(ctx, reading(func(event string) error {
		var i int
		fmt.Sscan(event, &i)
		if len(all) > 0 && i <= all[len(all)-1] {
			t.Errorf("%d comes after %d", i, all[len(all)-1])
		}
		if all = append(all, i); len(all) == count {
			cancel()
		}
		return nil
	}))
	cancel()
	return all
}

type reading func(event string) error

func (r reading) Emit(_ context.Context, event string, _ json.RawMessage) error { return r(event) }

func (r reading) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	return at(nil), r.Emit(ctx, event, data)
}

// debtor takes on debts and pays most of them, and says so each time. It ends only by being killed.
func debtor(spec string) {
	path, from, _ := strings.Cut(spec, "|")
	first := 0
	fmt.Sscan(from, &first)
	o, err := Open(path, Options{MaxItems: 1 << 30, MaxBytes: 1 << 40, MaxDebts: 1 << 30})
	for i := first; err == nil; i++ {
		if err = o.Owe(owing(i)); err != nil {
			break
		}
		fmt.Println("owed", i)
		if i%7 == 0 {
			continue
		}
		if err = o.Pay(fmt.Sprint(i), result(i)); err == nil {
			fmt.Println("put", i)
		}
	}
	fmt.Println("broken", err)
	os.Exit(1)
}

func TestEachDebtIsAnsweredOnceWheneverTheProcessIsKilled(t *testing.T) {
	path := box(t)
	l := &told{put: map[int]bool{}, owed: map[int]bool{}}
	answers := map[int][]string{}
	opts := Options{MaxItems: 1 << 30, MaxBytes: 1 << 40, MaxDebts: 1 << 30}
	for range 15 {
		l.killOne(t, debtorEnv, path, rand.IntN(100))
		o := open(t, path, opts)
		clear(answers)
		for _, text := range contents(t, o) {
			var i int
			fmt.Sscan(text[1:], &i)
			answers[i] = append(answers[i], text[:1])
			l.next = max(l.next, i+1) // it was owed, though the child did not live to say so
		}
		for i := range l.owed {
			if len(answers[i]) != 1 || l.put[i] && answers[i][0] != "r" {
				t.Fatalf("debt %d is answered by %q; paid: %t", i, answers[i], l.put[i])
			}
			if err := o.Owe(owing(i)); !errors.Is(err, ErrKnown) {
				t.Fatalf("debt %d is taken on again: %v", i, err)
			}
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d owed, %d paid", len(l.owed), len(l.put))
	if len(l.owed) < 50 || len(l.put) < 50 || len(l.put) == len(l.owed) {
		t.Fatalf("the children did too little: %d owed, %d paid", len(l.owed), len(l.put))
	}
}
