// Package identity keeps the device's Ed25519 key, which is what the Engine knows the device by. It promises that the
// private key never leaves the package, that two processes which start together make one key, and that a key which
// cannot be read is an error with its mend and never a reason for a new one: a new key would cost the device its GUID.
// It is not for other keys, and it knows no files but through its Store.
package identity

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// The files of the contract.
const (
	PrivateFile = "agent_identity_private.ed25519" // PKCS#8 PEM, sealed
	PublicFile  = "agent_identity_public.ed25519"  // base64 SPKI on one line, for people and other programs
)

var (
	// ErrUnreadable says that there is a private key, but no way to use it.
	ErrUnreadable = errors.New("the device's private key is unreadable")
	// ErrLost says that the device had a key, of which only the public half is left.
	ErrLost = errors.New("the device's private key is gone")
)

// Store keeps the key's files. Read of a missing file is fs.ErrNotExist; Write is whole or not at all, and leaves the
// file to its owner only; Remove does not mind a file that is gone.
type Store interface {
	Read(name string) ([]byte, error)
	Write(name string, data []byte) error
	Remove(name string) error
}

// Sealer seals the private key at rest. Open lets through what was never sealed; Current says whether a file is as
// Seal would leave it.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
	Open(sealed []byte) ([]byte, error)
	Current(sealed []byte) bool
}

// Config says where an identity is kept.
type Config struct {
	Store  Store
	Sealer Sealer
	// Lock lets only one process of the device at a time look for the key and make it.
	Lock func(ctx context.Context) (unlock func(), err error)
	Rand io.Reader // where a new key comes from; nil is crypto/rand

	// Old are the places of older agents. A key there is moved to Store when Store has none, or when it is the one of
	// fingerprint Bound and that in Store is not.
	Old   []Place
	Bound string // the fingerprint of the key that the device's tokens were given to, "" when that is unknown
}

// Place is where an older agent kept a key.
type Place struct {
	Store           Store
	Private, Public string // the names of its files
}

// Identity is the device's key. It can sign and name itself; the private key is nowhere in its fields, so neither a
// log nor an encoder can come by it.
type Identity struct {
	public      string
	fingerprint string
	sign        func(message []byte) []byte
}

// Open opens the device's identity, and makes it if there never was one.
func Open(ctx context.Context, cfg Config) (*Identity, error) {
	unlock, err := cfg.Lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	defer unlock()
	id, err := cfg.open()
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return id, nil
}

func (cfg Config) open() (*Identity, error) {
	key, sealed, err := cfg.load(Place{cfg.Store, PrivateFile, PublicFile})
	none := errors.Is(err, fs.ErrNotExist)
	if err != nil && !none {
		return nil, err
	}
	moved, err := cfg.moveUp(key)
	switch {
	case err != nil:
		return nil, err
	case moved != nil:
		key = moved
	case none:
		if key, err = cfg.create(); err != nil {
			return nil, err
		}
	case !cfg.Sealer.Current(sealed):
		if err := cfg.save(key); err != nil {
			return nil, err
		}
	}
	id, err := of(key)
	if err != nil {
		return nil, err
	}
	return id, cfg.publish(id)
}

// load reads the private key of a place. A missing one is fs.ErrNotExist, whatever else goes wrong ErrUnreadable.
func (cfg Config) load(p Place) (key ed25519.PrivateKey, sealed []byte, err error) {
	sealed, err = p.Store.Read(p.Private)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	var plain []byte
	if err == nil {
		plain, err = cfg.Sealer.Open(sealed)
	}
	if err == nil {
		key, err = parse(plain)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w; %s", ErrUnreadable, p.Private, err, mend)
	}
	return key, sealed, nil
}

const mend = "restore it from a backup, or delete both identity files to enroll as a new device"

// create makes the device's first key. The private half is written first, so a public half alone means a loss.
func (cfg Config) create() (ed25519.PrivateKey, error) {
	if _, err := cfg.Store.Read(PublicFile); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w, but %s is there; %s", ErrLost, PublicFile, mend)
	}
	random := cfg.Rand
	if random == nil {
		random = rand.Reader
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	return key, cfg.save(key)
}

// save seals the key into its file.
func (cfg Config) save(key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	sealed, err := cfg.Sealer.Seal(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		return err
	}
	return cfg.Store.Write(PrivateFile, sealed)
}

// publish sees to it that the public file says what the private key says. It is never read for anything else.
func (cfg Config) publish(id *Identity) error {
	text, err := cfg.Store.Read(PublicFile)
	if err == nil && strings.TrimSpace(string(text)) == id.public {
		return nil
	}
	if err := cfg.Store.Write(PublicFile, []byte(id.public)); err != nil {
		return err
	}
	return nil
}

// parse reads a PKCS#8 PEM key. Its errors carry nothing of the key.
func parse(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not a PKCS#8 key")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("not an Ed25519 key")
	}
	return key, nil
}

func of(key ed25519.PrivateKey) (*Identity, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	return &Identity{
		public:      base64.StdEncoding.EncodeToString(der),
		fingerprint: hex.EncodeToString(sum[:]),
		sign:        func(message []byte) []byte { return ed25519.Sign(key, message) },
	}, nil
}

// PublicKey is the public key as the wire carries it: standard base64 of the SubjectPublicKeyInfo DER, derived from
// the private key.
func (id *Identity) PublicKey() string { return id.public }

// Fingerprint is the lower-case hex SHA-256 of the SubjectPublicKeyInfo DER.
func (id *Identity) Fingerprint() string { return id.fingerprint }

// Sign signs message with the device's key: 64 bytes of Ed25519, without a prior hash.
func (id *Identity) Sign(message []byte) []byte { return id.sign(message) }
