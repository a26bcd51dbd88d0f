//go:build !windows

package settings

import "testing"

func TestSealKeyPlace(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		uid  int
		want string
	}{
		{nil, 0, "/var/lib/borealis-agent/seal.key"},
		{map[string]string{"HOME": "/root", "XDG_STATE_HOME": "/x"}, 0, "/var/lib/borealis-agent/seal.key"},
		{map[string]string{"HOME": "/home/a"}, 1000, "/home/a/.local/state/borealis-agent/seal.key"},
		{map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/state"}, 1000, "/state/borealis-agent/seal.key"},
		{map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "relative"}, 1000, "/home/a/.local/state/borealis-agent/seal.key"},
		{map[string]string{"HOME": "/home/a", sealKeyVar: "/key"}, 1000, "/key"},
		{map[string]string{sealKeyVar: "/key"}, 0, "/key"},
	} {
		if got, err := sealKeyPlace(func(k string) string { return c.env[k] }, c.uid); err != nil || got != c.want {
			t.Errorf("%v as %d: %q, %v; want %q", c.env, c.uid, got, err, c.want)
		}
	}
	if got, err := sealKeyPlace(func(string) string { return "" }, 1000); err == nil {
		t.Errorf("without a home: %q, want an error", got)
	}
}

func TestMachineID(t *testing.T) {
	first, err := machineID()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := machineID(); err != nil || second != first {
		t.Errorf("%q, then %q (%v)", first, second, err)
	}
}
