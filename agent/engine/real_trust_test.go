package engine_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// printsOf are the fingerprints of an Engine's leaf and root.
func printsOf(t *testing.T, e *enginetest.Engine) (leaf, root string) {
	t.Helper()
	var prints []string
	for block, rest := pem.Decode(e.BundlePEM()); block != nil; block, rest = pem.Decode(rest) {
		sum := sha256.Sum256(block.Bytes)
		prints = append(prints, hex.EncodeToString(sum[:]))
	}
	if len(prints) != 2 {
		t.Fatalf("%d certificates in the bundle", len(prints))
	}
	return prints[0], prints[1]
}

// colons writes a fingerprint as openssl does.
func colons(print string) string {
	var pairs []string
	for i := 0; i < len(print); i += 2 {
		pairs = append(pairs, strings.ToUpper(print[i:i+2]))
	}
	return strings.Join(pairs, ":")
}

// TestTrustByFingerprint enrolls at an Engine of which only a fingerprint is known, by name and by address.
func TestTrustByFingerprint(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true})
	leaf, root := printsOf(t, e)
	_, stranger := printsOf(t, enginetest.Start(t, enginetest.Config{FirstPoll: time.Second}))
	byAddress := strings.Replace(e.URL(), "localhost", "127.0.0.1", 1)
	for name, c := range map[string]struct {
		url, print, code string
		ok               bool
	}{
		"the certificate's":         {e.URL(), leaf, e.Code(), true},
		"the root's":                {e.URL(), root, e.Code(), true},
		"the root's, by address":    {byAddress, root, e.Code(), true},
		"with colons":               {byAddress, "SHA256:" + colons(leaf), e.Code(), true},
		"with the code":             {e.URL(), "", e.Code() + "@sha256:" + root, true},
		"with the code, colons":     {e.URL(), "", e.Code() + "@SHA256:" + colons(leaf), true},
		"another's":                 {e.URL(), stranger, e.Code(), false},
		"another's, with the code":  {e.URL(), "", e.Code() + "@sha256:" + stranger, false},
		"configuration before code": {e.URL(), stranger, e.Code() + "@sha256:" + root, false},
	} {
		t.Run(name, func(t *testing.T) {
			reached := counted(e)
			cfg, log := configIn(t, e, t.TempDir())
			cfg.ServerURL, cfg.Fingerprint, cfg.Code = c.url, c.print, func() string { return c.code }
			client := clientOf(t, cfg)
			if !c.ok {
				if why := refusedOnce(t, client); !strings.Contains(why, engine.ErrUntrusted.Error()) || !strings.Contains(why, leaf) {
					t.Errorf("%s, want ErrUntrusted and the fingerprint that was met", why)
				}
				if reached() != 0 {
					t.Errorf("%d requests reached the Engine", reached())
				}
				return
			}
			authenticate(t, client)
			if s := client.Status(); s.Trust != engine.TrustPinned || s.TrustOrigin != string(engine.TrustFingerprint) {
				t.Errorf("%+v", s)
			}
			if strings.Contains(log.String(), e.Code()) {
				t.Error("the code is in the log")
			}
			cfg.Fingerprint = ""
			if again := clientOf(t, cfg); again.Post(t.Context(), wire.PathHeartbeat, nil, nil) != nil || again.Status().Trust != engine.TrustPinned {
				t.Errorf("the next start: %+v", again.Status())
			}
		})
	}
}

func TestFingerprintsThatAreNone(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second})
	cfg, _ := configIn(t, e, t.TempDir())
	for _, text := range []string{"x", "ab", strings.Repeat("0", 64), strings.Repeat("g", 64), strings.Repeat("a", 66)} {
		cfg.Fingerprint = text
		if _, err := engine.New(cfg); err == nil || !strings.Contains(err.Error(), "engine-fingerprint") {
			t.Errorf("%q: %v, want an error that names the option", text, err)
		}
	}
	cfg.Fingerprint, cfg.Code = "", func() string { return e.Code() + "@sha256:nonsense" }
	reached := counted(e)
	if err := clientOf(t, cfg).Authenticate(t.Context()); err == nil || !strings.Contains(err.Error(), "nonsense") || strings.Contains(err.Error(), e.Code()) || reached() != 0 {
		t.Errorf("with a code: %v, and %d requests", err, reached())
	}
}

// TestFirstUseIsTheFirstOnly trusts an Engine on first use, and then meets another one at its address.
func TestFirstUseIsTheFirstOnly(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true})
	cfg, _ := configIn(t, e, t.TempDir())
	cfg.TrustOnFirstUse = true
	client := clientOf(t, cfg)
	if s := client.Status(); s.Trust != engine.TrustFirstUse {
		t.Errorf("before: %+v", s)
	}
	authenticate(t, client)
	if s := client.Status(); s.Trust != engine.TrustPinned || s.TrustOrigin != string(engine.TrustFirstUse) {
		t.Errorf("after: %+v", s)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimPrefix(strings.Replace(e.URL(), "localhost", "127.0.0.1", 1), "https://")
	other := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true, Addr: addr})
	reached := counted(other)
	for name, c := range map[string]*engine.Client{"the process": client, "the next one": clientOf(t, cfg)} {
		if err := c.Post(t.Context(), wire.PathHeartbeat, nil, nil); !errors.Is(err, engine.ErrUntrusted) || reached() != 0 {
			t.Errorf("%s, at another Engine: %v, and %d requests got there", name, err, reached())
		}
	}
	pinned, err := cfg.Tree.Bundle()
	if err != nil || string(pinned) != string(e.BundlePEM()) {
		t.Errorf("the pin changed by itself (%v)", err)
	}
}

// TestFirstUseIsNotForADeviceWithTokens would otherwise hand them to whoever answers.
func TestFirstUseIsNotForADeviceWithTokens(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true})
	_, cfg := enrolledAt(t, e, nil)
	again, _ := configIn(t, e, cfg.Tree.Root())
	again.TrustOnFirstUse = true
	if err := again.Tree.Files().Remove("access.jwt"); err != nil { // so that a refresh is due
		t.Fatal(err)
	}
	removePin(t, cfg)
	if s := clientOf(t, again).Status(); s.Trust != engine.TrustSystem {
		t.Errorf("%+v, want the system's roots", s)
	}
}

// TestTokensAreBound changes, one at a time, what the tokens are bound to: they are not sent, and a code enrolls again.
func TestTokensAreBound(t *testing.T) {
	t.Parallel()
	other := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second})
	for name, change := range map[string]func(t *testing.T, cfg *engine.Config, e *enginetest.Engine){
		"the pin is gone": func(t *testing.T, cfg *engine.Config, _ *enginetest.Engine) { removePin(t, *cfg) },
		"another root is pinned too": func(t *testing.T, cfg *engine.Config, e *enginetest.Engine) {
			if err := cfg.Tree.PinBundle(append(e.BundlePEM(), other.RootPEM()...)); err != nil {
				t.Fatal(err)
			}
		},
		"another device's key": func(t *testing.T, cfg *engine.Config, e *enginetest.Engine) {
			stranger, _ := configIn(t, e, t.TempDir())
			cfg.Identity = stranger.Identity
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true})
			_, cfg := enrolledAt(t, e, nil)
			change(t, &cfg, e)
			reached := counted(e)
			client := clientOf(t, cfg)
			if err := client.Post(t.Context(), wire.PathHeartbeat, nil, nil); !errors.Is(err, engine.ErrNotEnrolled) || !errors.Is(err, engine.ErrBinding) || reached() != 0 {
				t.Errorf("%v, and %d requests got out; want ErrBinding", err, reached())
			}
			cfg.Code = nil
			if err := clientOf(t, cfg).Authenticate(t.Context()); !errors.Is(err, engine.ErrNoCode) || !errors.Is(err, engine.ErrBinding) {
				t.Errorf("without a code: %v, want ErrNoCode because of ErrBinding", err)
			}
			authenticate(t, client)
			if err := client.Post(t.Context(), wire.PathHeartbeat, nil, nil); err != nil {
				t.Errorf("enrolled again: %v", err)
			}
		})
	}
}

// TestTheBindingSurvivesARenewedCertificate pins the same root with another leaf, as an enrollment after a renewal does.
func TestTheBindingSurvivesARenewedCertificate(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t, enginetest.Config{FirstPoll: time.Second, AutoApprove: true})
	_, cfg := enrolledAt(t, e, nil)
	if err := cfg.Tree.PinBundle(e.RootPEM()); err != nil {
		t.Fatal(err)
	}
	if err := clientOf(t, cfg).Post(t.Context(), wire.PathHeartbeat, nil, nil); err != nil {
		t.Error(err)
	}
}

func removePin(t *testing.T, cfg engine.Config) {
	t.Helper()
	if err := os.Remove(filepath.Join(cfg.Tree.Certificates(), "Trusted_Server_Cert", "server_certificate.pem")); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add("sha256:" + strings.Repeat("aB:", 31) + "00")
	f.Add(strings.Repeat("0", 64))
	f.Add("AB CD")
	f.Fuzz(func(t *testing.T, text string) {
		print, err := engine.ParseFingerprint(text)
		if err != nil {
			return
		}
		if again, err := engine.ParseFingerprint(fmt.Sprint(print)); err != nil || again != print {
			t.Fatalf("%q became %s, which becomes %s (%v)", text, print, again, err)
		}
	})
}
