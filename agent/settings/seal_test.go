package settings

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// keyed is a Sealer with a key file at path, on a machine of this id.
func keyed(path, machine string) *keySealer {
	return &keySealer{
		file:    func() (string, error) { return path, nil },
		machine: func() (string, error) { return machine, nil },
	}
}

func TestSealWithAKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "seal.key")
	s := keyed(path, "m1")
	for _, plain := range []string{"refresh", "", "\x00\xff", strings.Repeat("long", 10_000)} {
		sealed, err := s.Seal([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 4 && bytes.Contains(sealed, []byte(plain)) {
			t.Error("the secret lies open")
		}
		if !s.Current(sealed) {
			t.Error("what was just sealed wants sealing again")
		}
		got, err := keyed(path, "m1").Open(sealed)
		if err != nil || string(got) != plain {
			t.Errorf("opened %d bytes, %v; want %d", len(got), err, len(plain))
		}
		again, err := s.Seal([]byte(plain))
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealed twice to the same (%v)", err)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestWhatDoesNotOpenSaysWhy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	s := keyed(path, "m1")
	sealed, err := s.Seal([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	other := keyed(filepath.Join(t.TempDir(), "seal.key"), "m1")
	if _, err := other.Seal(nil); err != nil {
		t.Fatal(err)
	}
	e, err := parseEnvelope(sealed)
	if err != nil {
		t.Fatal(err)
	}
	changed := e
	changed.body = bytes.Clone(e.body)
	changed.body[3] ^= 1
	for name, c := range map[string]struct {
		sealer *keySealer
		data   string
		err    error
	}{
		"another machine":  {keyed(path, "m2"), string(sealed), ErrCloned},
		"another key":      {other, string(sealed), ErrSealKey},
		"no key":           {keyed(filepath.Join(t.TempDir(), "none"), "m1"), string(sealed), ErrSealKey},
		"changed":          {s, string(changed.text()), ErrDamaged},
		"cut":              {s, string(sealed[:len(sealed)/2]), ErrDamaged},
		"cut in the marks": {s, envelopeMark + "1:ab", ErrDamaged},
		"newer":            {s, strings.Replace(string(sealed), ":1:", ":2:", 1), ErrDamaged},
		"empty body":       {s, envelope{key: e.key, machine: e.machine}.header(), ErrDamaged},
	} {
		if got, err := c.sealer.Open([]byte(c.data)); !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %v", name, got, err, c.err)
		}
		if c.sealer.Current([]byte(c.data)) && name != "changed" && name != "cut" && name != "empty body" {
			t.Errorf("%s passes for sealed by this key", name)
		}
	}
	if got, err := s.Open([]byte("plain of upstream")); err != nil || string(got) != "plain of upstream" {
		t.Errorf("upstream's plain text: %q, %v", got, err)
	}
	if s.Current([]byte("plain of upstream")) {
		t.Error("plain text does not want sealing")
	}
}

func TestAKeyThatOthersMayReadIsNotUsed(t *testing.T) {
	skipModesOnWindows(t)
	path := filepath.Join(t.TempDir(), "seal.key")
	put(t, path, strings.Repeat("k", sealKeyLen))
	if _, err := keyed(path, "m").Seal(nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v, want an error with its mend", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyed(path, "m").Seal(nil); err != nil {
		t.Errorf("once it is its owner's only: %v", err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyed(path, "m").Seal(nil); err == nil {
		t.Error("a key that is cut off was used")
	}
}

func TestSealersThatStartTogetherShareOneKey(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "seal.key")
	sealed := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range sealed {
		wg.Go(func() {
			var err error
			if sealed[i], err = keyed(path, "m").Seal([]byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, data := range sealed {
		if got, err := keyed(path, "m").Open(data); err != nil || string(got) != "x" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestACredentialComesBeforeTheKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	before, err := keyed(path, "m").Seal([]byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	s := keyed(path, "m")
	s.credentials = t.TempDir()
	if !s.Current(before) {
		t.Error("an empty folder of credentials changes something")
	}
	put(t, filepath.Join(s.credentials, sealCredential), "0123456789abcdef")
	if got, err := s.Open(before); err != nil || string(got) != "old" || s.Current(before) {
		t.Errorf("sealed before: %q, %v, current %t", got, err, s.Current(before))
	}
	after, err := s.Seal([]byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keyed(path, "m").Open(after); !errors.Is(err, ErrSealKey) {
		t.Errorf("without the credential: %q, %v; want ErrSealKey", got, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open(after); err != nil || string(got) != "new" {
		t.Errorf("without the file: %q, %v", got, err)
	}
	put(t, filepath.Join(s.credentials, sealCredential), "short")
	if _, err := s.Seal(nil); err == nil {
		t.Error("a short credential was used")
	}
}

func TestTokensOfUpstreamAreSealed(t *testing.T) {
	tree := open(t, nil)
	put(t, tree.file(refreshFile), "plain-refresh")
	put(t, tree.file(accessFile), "plain-access")
	if err := tree.SealTokens(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{refreshFile, accessFile} {
		if text := get(t, tree.file(name)); strings.Contains(text, "plain") || !enveloped([]byte(text)) {
			t.Errorf("%s lies as %q", name, text)
		}
	}
	want := Tokens{Access: "plain-access", Refresh: "plain-refresh"}
	if got, err := tree.Tokens(); err != nil || got != want {
		t.Errorf("tokens %v, %v", got, err)
	}
	before := get(t, tree.file(refreshFile))
	if err := tree.SealTokens(); err != nil || get(t, tree.file(refreshFile)) != before {
		t.Errorf("sealed once more (%v)", err)
	}
}

func TestTokensOfACopiedMachine(t *testing.T) {
	root := t.TempDir()
	env := map[string]string{sealKeyVar: filepath.Join(root, "seal.key")}
	tree := func(machine string) *Tree {
		t.Helper()
		tree, err := Options{
			Getenv: func(k string) string { return env[k] }, MachineID: func() (string, error) { return machine, nil },
		}.Open(root)
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	if err := tree("m1").SaveTokens(Tokens{Access: "a", Refresh: "r"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tree("m2").Tokens(); !errors.Is(err, ErrCloned) || !strings.Contains(err.Error(), refreshFile) {
		t.Errorf("%v, want ErrCloned and the file", err)
	}
	put(t, tree("m1").file(accessFile), "borealis-sealed:1:x")
	if got, err := tree("m1").Tokens(); err != nil || got.Refresh != "r" || got.Access != "" {
		t.Errorf("with a damaged access token: %v, %v; want the refresh token", got, err)
	}
}

func FuzzOpenSealed(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seal.key")
	s := keyed(path, "m")
	sealed, err := s.Seal([]byte("secret"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte(envelopeMark + "1:::"))
	f.Add([]byte(envelopeMark + "1:a:b:" + base64.StdEncoding.EncodeToString(make([]byte, 28))))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := s.Open(data)
		switch {
		case err != nil && !enveloped(data):
			t.Fatalf("%q is not sealed, and fails: %v", data, err)
		case err == nil && enveloped(data) && string(got) != "secret":
			t.Fatalf("%q opened to %q", data, got)
		}
	})
}
