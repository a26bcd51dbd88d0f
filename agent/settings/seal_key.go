package settings

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
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
