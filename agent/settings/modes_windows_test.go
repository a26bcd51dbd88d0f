package settings

import (
	"bytes"
	"testing"
)

func skipModesOnWindows(t *testing.T) {
	t.Skip("file modes are access lists here, which the installer sets")
}

func TestDPAPI(t *testing.T) {
	for _, plain := range []string{"refresh", "\x00\xff"} {
		sealed, err := dpapi{}.Seal([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 4 && bytes.Contains(sealed, []byte(plain)) {
			t.Error("the secret lies open")
		}
		if got, err := (dpapi{}).Open(sealed); err != nil || string(got) != plain {
			t.Errorf("opened %q, %v; want %q", got, err, plain)
		}
		if len(sealed) > 60 {
			sealed[len(sealed)-1] ^= 1
			if got, err := (dpapi{}).Open(sealed); err == nil {
				t.Errorf("a changed blob opened to %q", got)
			}
		}
	}
	if got, err := (dpapi{}).Open([]byte("left plain by upstream")); err != nil || string(got) != "left plain by upstream" {
		t.Errorf("plain text: %q, %v", got, err)
	}
}
