package settings

import (
	"bytes"
	"errors"
	"testing"
)

func skipModesOnWindows(t *testing.T) {
	t.Skip("file modes are access lists here, which the installer sets")
}

func TestDPAPI(t *testing.T) {
	sealer := dpapi{machineID}
	for _, plain := range []string{"refresh", "\x00\xff"} {
		sealed, err := sealer.Seal([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 4 && bytes.Contains(sealed, []byte(plain)) {
			t.Error("the secret lies open")
		}
		if got, err := sealer.Open(sealed); err != nil || string(got) != plain {
			t.Errorf("opened %q, %v; want %q", got, err, plain)
		}
		if !sealer.Current(sealed) || sealer.Current([]byte(plain)) {
			t.Error("what is sealed is not told from what is not")
		}
		copied := dpapi{func() (string, error) { return "another", nil }}
		if got, err := copied.Open(sealed); !errors.Is(err, ErrCloned) {
			t.Errorf("on a copied disk: %q, %v; want ErrCloned", got, err)
		}
		e, err := parseEnvelope(sealed)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sealer.Open(e.body); err != nil || string(got) != plain {
			t.Errorf("upstream's bare blob: %q, %v", got, err)
		}
		e.body[len(e.body)-1] ^= 1
		if got, err := sealer.Open(e.text()); !errors.Is(err, ErrDamaged) {
			t.Errorf("a changed blob: %q, %v; want ErrDamaged", got, err)
		}
	}
	if got, err := sealer.Open([]byte("left plain by upstream")); err != nil || string(got) != "left plain by upstream" {
		t.Errorf("plain text: %q, %v", got, err)
	}
}
