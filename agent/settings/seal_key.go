package settings

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	sealKeyLen   = 32
	sealKeyLeast = 16 // bytes of a credential, which the operator makes

	// sealCredential is the systemd credential that is preferred over the key file.
	sealCredential = "borealis-agent.seal-key"
	// sealKeyVar names another place of the key file.
	sealKeyVar = "BOREALIS_SEAL_KEY_FILE"
)

// keySealer seals with AES-256-GCM under a key that is derived from a key file outside the tree and from the machine's
// id: neither a copy of the tree, nor one of the whole disk in another machine, opens.
type keySealer struct {
	credentials string                 // the folder of systemd's credentials, "" for none
	file        func() (string, error) // where the key file lies, or is made
	machine     func() (string, error) // the machine's id
}

// sealKey is a secret to derive from.
type sealKey []byte

// derive never fails: its lengths are constants far below HKDF's limit.
func (k sealKey) derive(purpose, machine string, n int) []byte {
	out, err := hkdf.Key(sha256.New, k, nil, "borealis-agent "+purpose+"\x00"+machine, n)
	if err != nil {
		panic(err)
	}
	return out
}

// address is the envelope, still without a body, of what this key seals on a machine.
func (k sealKey) address(machine string) envelope {
	return envelope{
		key:     hex.EncodeToString(k.derive("key mark", "", 4)),
		machine: hex.EncodeToString(k.derive("machine mark", machine, 4)),
	}
}

func (k sealKey) aead(machine string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.derive("seal", machine, sealKeyLen))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal seals plain, and makes the key file if there is no key yet.
func (s *keySealer) Seal(plain []byte) ([]byte, error) {
	keys, err := s.keys()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		key, err := s.makeKey()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	machine, err := s.machine()
	if err != nil {
		return nil, err
	}
	aead, err := keys[0].aead(machine)
	if err != nil {
		return nil, err
	}
	e := keys[0].address(machine)
	e.body = aead.Seal(nil, nil, plain, []byte(e.header()))
	return e.text(), nil
}

// Open opens what Seal made, and lets through what was never sealed: upstream keeps its secrets plain here.
func (s *keySealer) Open(sealed []byte) ([]byte, error) {
	if !enveloped(sealed) {
		return bytes.Clone(sealed), nil
	}
	e, err := parseEnvelope(sealed)
	if err != nil {
		return nil, err
	}
	keys, err := s.keys()
	if err != nil {
		return nil, err
	}
	machine, err := s.machine()
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		switch here := key.address(machine); {
		case here.key != e.key:
			continue
		case here.machine != e.machine:
			return nil, ErrCloned
		}
		aead, err := key.aead(machine)
		if err != nil {
			return nil, err
		}
		plain, err := aead.Open(nil, nil, e.body, []byte(e.header()))
		if err != nil {
			return nil, ErrDamaged
		}
		return plain, nil
	}
	return nil, s.keyMissing()
}

// keyMissing says where the key was looked for.
func (s *keySealer) keyMissing() error {
	path, err := s.file()
	if err != nil {
		return errors.Join(ErrSealKey, err)
	}
	return fmt.Errorf("%w (looked for at %q)", ErrSealKey, path)
}

// Current says whether sealed is under the key and the machine id of now.
func (s *keySealer) Current(sealed []byte) bool {
	e, err := parseEnvelope(sealed)
	if err != nil || !enveloped(sealed) {
		return false
	}
	keys, err := s.keys()
	if err != nil || len(keys) == 0 {
		return false
	}
	machine, err := s.machine()
	return err == nil && keys[0].address(machine).header() == e.header()
}

// keys are the keys that are there, the one to seal with first.
func (s *keySealer) keys() ([]sealKey, error) {
	var keys []sealKey
	if s.credentials != "" {
		key, err := readFile(filepath.Join(s.credentials, sealCredential))
		switch {
		case err == nil && len(key) >= sealKeyLeast:
			keys = append(keys, key)
		case err == nil:
			return nil, fmt.Errorf("credential %q: shorter than %d bytes", sealCredential, sealKeyLeast)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("credential %q: %w", sealCredential, err)
		}
	}
	path, err := s.file()
	if err != nil {
		if len(keys) > 0 {
			return keys, nil
		}
		return nil, err
	}
	key, err := readKey(path)
	if err == nil {
		keys = append(keys, key)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return keys, nil
}

func readKey(path string) (sealKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	if !ownersOnly(info) {
		return nil, fmt.Errorf("seal key %q: others may use it; chmod 600 it", path)
	}
	key, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	if len(key) != sealKeyLen {
		return nil, fmt.Errorf("seal key %q: %d bytes instead of %d; put it back from a backup", path, len(key), sealKeyLen)
	}
	return key, nil
}

// makeKey makes the key file. Of several processes that do so at once, the first one's key counts for all.
func (s *keySealer) makeKey() (sealKey, error) {
	path, err := s.file()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	key := make([]byte, sealKeyLen)
	rand.Read(key)
	own := path + "." + rand.Text()
	if err := writeFile(own, key); err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	defer remove(own) //nolint:errcheck // what is left of it is a second name, or a key that seals nothing
	if err := os.Link(own, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	return readKey(path)
}
