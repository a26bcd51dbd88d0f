package rdp

import (
	"context"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
	"golang.org/x/sys/windows/registry"
)

// TestConnectionsAreLetIn changes this machine's setting and puts it back.
func TestConnectionsAreLetIn(t *testing.T) {
	m := &module{host: hosttest.New(t.TempDir(), "rdp")}
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, serverKey, registry.ALL_ACCESS|registry.WOW64_64KEY)
	if err != nil {
		t.Fatal("it takes an administrator:", err)
	}
	defer k.Close()
	before, _, errBefore := k.GetIntegerValue(denyValue)
	t.Cleanup(func() {
		if errBefore != nil {
			k.DeleteValue(denyValue)
			return
		}
		k.SetDWordValue(denyValue, uint32(before))
	})
	for _, on := range []bool{true, false, true} {
		if err := m.change(t.Context(), changes{Connections: &on}); err != nil {
			t.Fatal(err)
		}
		s, err := m.state(t.Context())
		if err != nil || s.Connections == nil || *s.Connections != on || s.Server != "termservice" || s.Port < 1 {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// TestTheServiceIsChanged starts and stops the service, where there is one, and says what came of the firewall.
func TestTheServiceIsChanged(t *testing.T) {
	m := &module{host: hosttest.New(t.TempDir(), "rdp")}
	before, err := m.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if before.Running == nil {
		t.Log("no service here")
		return
	}
	t.Cleanup(func() { m.apply(context.Background(), changes{Running: before.Running}) })
	on := true
	if err := m.change(t.Context(), changes{Start: "manual", Running: &on}); err != nil {
		t.Fatal(err)
	}
	if s, err := m.state(t.Context()); err != nil || !*s.Running {
		t.Errorf("%+v, %v", s, err)
	}
	if err := m.change(t.Context(), changes{Start: "sometimes"}); err == nil {
		t.Error("an unknown start was taken")
	}
	t.Log("firewall:", before.Firewall, m.change(t.Context(), changes{Firewall: &on}))
}
