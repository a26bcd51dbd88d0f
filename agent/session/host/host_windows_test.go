package host

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/session"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// hostArg makes of the test's program a session host, as the agent's subcommand does.
const hostArg = "the-session-host"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == hostArg {
		if err := Serve(context.Background(), os.Stdin, os.Stdout, offered()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func offered() []bindings.Binding {
	return []bindings.Binding{{Name: "probe", Open: func(bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{Funcs: map[string]bindings.Func{
			"pid": {Do: func(context.Context) (int, error) { return os.Getpid(), nil }},
		}}, nil
	}}}
}

func TestAHostServesInTheUsersSession(t *testing.T) {
	all, err := session.Machine{}.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, ok := session.Choose(all, session.Session{})
	if !ok {
		t.Fatal("nobody is logged in")
	}
	h, err := Start(t.Context(), Config{Program: []string{os.Args[0], hostArg}, Session: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	set, err := h.Open(hosttest.New(""), offered(), nil)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := set.Call(t.Context(), bindings.Call{Module: "probe", Func: "pid"})
	if err != nil || pid != float64(h.PID()) || h.PID() == os.Getpid() {
		t.Errorf("served by %v of %d, %v", pid, h.PID(), err)
	}
	if err := set.Close(); err != nil {
		t.Error(err)
	}
	h.Close()
	if h.Err() == nil {
		t.Error("a host that left said nothing")
	}
}

func TestTheServicesOwnSessionIsNobodys(t *testing.T) {
	if h, err := Start(t.Context(), Config{Program: []string{os.Args[0], hostArg}, Session: session.Session{ID: "0"}}); err == nil {
		h.Close()
		t.Error("a host runs in session 0")
	}
}
