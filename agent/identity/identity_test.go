package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// shelf is a Store in memory.
type shelf struct {
	mu    sync.Mutex
	files map[string][]byte
	err   error // what Write says
}

func (s *shelf) Read(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

func (s *shelf) Write(name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.files[name] = bytes.Clone(data)
	}
	return s.err
}

func (s *shelf) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, name)
	return s.err
}

// flip seals by turning every bit, so that a key which lies open shows.
type flip struct{}

func (flip) Seal(plain []byte) ([]byte, error) {
	out := bytes.Clone(plain)
	for i := range out {
		out[i] ^= 0xff
	}
	return out, nil
}

func (f flip) Open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, errors.New("nothing sealed")
	}
	if !f.Current(sealed) {
		return sealed, nil
	}
	return f.Seal(sealed)
}

func (flip) Current(sealed []byte) bool { return !bytes.HasPrefix(sealed, []byte("-----BEGIN")) }

type plain struct{}

func (plain) Current([]byte) bool { return true }

func (plain) Seal(b []byte) ([]byte, error) { return b, nil }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

func config(s *shelf, sealer Sealer) Config {
	lock := make(chan struct{}, 1)
	return Config{Store: s, Sealer: sealer, Lock: func(ctx context.Context) (func(), error) {
		select {
		case lock <- struct{}{}:
			return func() { <-lock }, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

func empty() *shelf { return &shelf{files: map[string][]byte{}} }

// The vector of the REST contract, section 1.7: the seed is the bytes 01 to 20.
const (
	vectorPEM = "-----BEGIN PRIVATE KEY-----\n" +
		"MC4CAQAwBQYDK2VwBCIEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n" +
		"-----END PRIVATE KEY-----\n"
	vectorPublic      = "MCowBQYDK2VwAyEAebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="
	vectorFingerprint = "646d6be49d9f0048f94f67749eca35156eed4f7a7be18e4fc4a94bfd44e300b0"
	vectorProof       = "DfH5yLov37llxBi2CRa9WeSaar7q60LRZ626pb2ntl5Ln7dPjtfhxaCZUlU1snasK/31dyJChZXzdV5nZSRCBg=="
)

func seed() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return b
}

// proofMessage is what the contract has signed: server nonce, approval reference, client nonce.
func proofMessage() []byte {
	var m []byte
	for b := byte(0xa0); b < 0xc0; b++ {
		m = append(m, b)
	}
	m = append(m, "3f0c2a9e-6d41-4b7e-9c55-0a1b2c3d4e5f"...)
	for b := byte(0x40); b < 0x60; b++ {
		m = append(m, b)
	}
	return m
}

func TestVectorOfTheContract(t *testing.T) {
	made := empty()
	cfg := config(made, plain{})
	cfg.Rand = bytes.NewReader(seed())
	read := empty()
	read.files[PrivateFile] = []byte(vectorPEM)
	for name, cfg := range map[string]Config{"made": cfg, "read": config(read, plain{})} {
		id, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if id.PublicKey() != vectorPublic || id.Fingerprint() != vectorFingerprint {
			t.Errorf("%s: public %s, fingerprint %s", name, id.PublicKey(), id.Fingerprint())
		}
		if got := base64.StdEncoding.EncodeToString(id.Sign(proofMessage())); got != vectorProof {
			t.Errorf("%s: proof %s", name, got)
		}
	}
	if got := string(made.files[PrivateFile]); got != vectorPEM {
		t.Errorf("private file:\n%s", got)
	}
	for _, s := range []*shelf{made, read} {
		if got := string(s.files[PublicFile]); got != vectorPublic {
			t.Errorf("public file %q", got)
		}
	}
}

func TestThePublicFileIsNotBelieved(t *testing.T) {
	s := empty()
	s.files[PrivateFile] = []byte(vectorPEM)
	s.files[PublicFile] = []byte("MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")
	id, err := Open(t.Context(), config(s, plain{}))
	if err != nil || id.PublicKey() != vectorPublic {
		t.Errorf("public key %v (%v), want that of the private key", id, err)
	}
	if string(s.files[PublicFile]) != vectorPublic {
		t.Error("the public file was not set right")
	}
}

func TestSameIdentityAtTheNextStart(t *testing.T) {
	s := empty()
	first, err := Open(t.Context(), config(s, flip{}))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(s.files[PrivateFile], []byte("PRIVATE KEY")) {
		t.Error("the private key lies open")
	}
	second, err := Open(t.Context(), config(s, flip{}))
	if err != nil || first.Fingerprint() != second.Fingerprint() {
		t.Errorf("second start: %v, %v", second, err)
	}
}

func TestUnreadableIsNeverANewIdentity(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	ec := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	for name, text := range map[string]string{
		"empty": "", "not PEM": "MC4CAQAwBQYDK2Vw", "cut": vectorPEM[:60], "another kind": ec,
		"broken": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		s := empty()
		s.files[PrivateFile] = []byte(text)
		for _, sealer := range []Sealer{plain{}, flip{}} {
			id, err := Open(t.Context(), config(s, sealer))
			if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), mend) {
				t.Errorf("%s: %v, %v; want ErrUnreadable with its mend", name, id, err)
			}
		}
		if string(s.files[PrivateFile]) != text || s.files[PublicFile] != nil {
			t.Errorf("%s: the files were touched", name)
		}
	}
}

func TestUpstreamsPlainKeyIsSealed(t *testing.T) {
	s := empty()
	s.files[PrivateFile] = []byte(vectorPEM)
	for range 2 {
		id, err := Open(t.Context(), config(s, flip{}))
		if err != nil || id.PublicKey() != vectorPublic {
			t.Fatalf("%v, %v", id, err)
		}
		if bytes.Contains(s.files[PrivateFile], []byte("PRIVATE KEY")) {
			t.Error("the private key still lies open")
		}
	}
	full := empty()
	full.files[PrivateFile], full.err = []byte(vectorPEM), errors.New("disk full")
	if _, err := Open(t.Context(), config(full, flip{})); err == nil || string(full.files[PrivateFile]) != vectorPEM {
		t.Errorf("full disk: %v, and the key must stay", err)
	}
}

func TestOldPlaces(t *testing.T) {
	other := empty()
	own, err := Open(t.Context(), config(other, plain{}))
	if err != nil {
		t.Fatal(err)
	}
	ownFile := string(other.files[PrivateFile])
	for name, c := range map[string]struct {
		shared, first, second string // private keys of the shared place and of two old ones
		bound                 string
		want                  string // fingerprint; "" is neither
		moved                 bool
		err                   error
	}{
		"none at all":               {"", "", "", "", "", false, nil},
		"no shared one":             {"", "", vectorPEM, "", vectorFingerprint, true, nil},
		"the first of two":          {"", vectorPEM, ownFile, "", vectorFingerprint, true, nil},
		"the one of the tokens":     {"", ownFile, vectorPEM, vectorFingerprint, vectorFingerprint, true, nil},
		"the shared one, unknown":   {ownFile, vectorPEM, "", "", own.Fingerprint(), false, nil},
		"the shared one's tokens":   {ownFile, vectorPEM, "", own.Fingerprint(), own.Fingerprint(), false, nil},
		"tokens of an old one":      {ownFile, "", vectorPEM, vectorFingerprint, vectorFingerprint, true, nil},
		"tokens of neither":         {ownFile, vectorPEM, "", "f0", own.Fingerprint(), false, nil},
		"an unreadable one":         {"", "broken", "", "", "", false, ErrUnreadable},
		"one of two unreadable":     {"", "broken", vectorPEM, "", vectorFingerprint, true, nil},
		"shared one is unreadable":  {"broken", vectorPEM, "", vectorFingerprint, "", false, ErrUnreadable},
		"shared one, old is broken": {ownFile, "broken", "", vectorFingerprint, own.Fingerprint(), false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			shared, first, second := empty(), empty(), empty()
			for s, text := range map[*shelf]string{shared: c.shared, first: c.first, second: c.second} {
				if text != "" {
					s.files[PrivateFile] = []byte(text)
				}
			}
			cfg := config(shared, plain{})
			cfg.Bound = c.bound
			cfg.Old = []Place{{first, PrivateFile, PublicFile}, {second, PrivateFile, PublicFile}}
			id, err := Open(t.Context(), cfg)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			if c.want != "" && id.Fingerprint() != c.want {
				t.Errorf("identity %s, want %s", id.Fingerprint(), c.want)
			}
			left := len(first.files) + len(second.files)
			there := 0
			for _, text := range []string{c.first, c.second} {
				if text != "" {
					there++
				}
			}
			if c.moved {
				there--
			}
			if left != there {
				t.Errorf("%d keys in the old places, want %d", left, there)
			}
			again, err := Open(t.Context(), cfg)
			if err != nil || again.Fingerprint() != id.Fingerprint() {
				t.Errorf("the next start: %v, %v", again, err)
			}
		})
	}
}

func TestLostKeyIsNotReplaced(t *testing.T) {
	s := empty()
	s.files[PublicFile] = []byte(vectorPublic)
	if id, err := Open(t.Context(), config(s, plain{})); !errors.Is(err, ErrLost) {
		t.Errorf("%v, %v; want ErrLost", id, err)
	}
}

func TestTwoStartsMakeOne(t *testing.T) {
	cfg := config(empty(), flip{})
	var wg sync.WaitGroup
	prints := make([]string, 8)
	for i := range prints {
		wg.Go(func() {
			id, err := Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = id.Fingerprint()
		})
	}
	wg.Wait()
	for _, p := range prints {
		if p != prints[0] {
			t.Fatalf("identities %v, want one", prints)
		}
	}
}

func TestWhatFailsIsSaid(t *testing.T) {
	full := empty()
	full.err = errors.New("disk full")
	if _, err := Open(t.Context(), config(full, plain{})); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("full disk: %v", err)
	}
	dry := config(empty(), plain{})
	dry.Rand = iotest.ErrReader(errors.New("dry"))
	if _, err := Open(t.Context(), dry); err == nil {
		t.Error("a key came from a random source that fails")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	held := config(empty(), plain{})
	unlock, err := held.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := Open(ctx, held); !errors.Is(err, context.Canceled) {
		t.Errorf("held lock: %v", err)
	}
}

func TestThePrivateKeyDoesNotPrint(t *testing.T) {
	cfg := config(empty(), plain{})
	cfg.Rand = bytes.NewReader(seed())
	id, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"identity": id})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		text = fmt.Appendf(text, " "+verb+" "+verb, id, *id)
	}
	for _, secret := range []string{"AQIDBAUGBwg", "0102030405", "1 2 3 4 5 6", "0x1, 0x2, 0x3"} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("printed: %s", text)
		}
	}
}

func FuzzPrivateFile(f *testing.F) {
	f.Add([]byte(vectorPEM))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := empty()
		s.files[PrivateFile] = data
		id, err := Open(t.Context(), config(s, plain{}))
		if err != nil && !errors.Is(err, ErrUnreadable) {
			t.Fatalf("%q: %v, want ErrUnreadable", data, err)
		}
		if err == nil && len(id.Sign(nil)) != 64 {
			t.Fatalf("%q signs with %d bytes", data, len(id.Sign(nil)))
		}
		if !bytes.Equal(s.files[PrivateFile], data) {
			t.Fatalf("%q was replaced", data)
		}
	})
}
