package identity

import (
	"crypto/ed25519"
	"errors"
	"io/fs"
)

// moveUp moves the key of an older place into the device's own, when the device has none (own is nil) or its tokens
// were given to that older key. It is nil when there is nothing to move. Keys that stay behind are left where they are.
func (cfg Config) moveUp(own ed25519.PrivateKey) (ed25519.PrivateKey, error) {
	if own != nil && (cfg.Bound == "" || cfg.bound(own)) {
		return nil, nil
	}
	var chosen ed25519.PrivateKey
	var from Place
	var trouble error
	for _, p := range cfg.Old {
		key, _, err := cfg.load(p)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				trouble = errors.Join(trouble, err)
			}
			continue
		}
		if matches := cfg.bound(key); matches || (chosen == nil && own == nil) {
			chosen, from = key, p
			if matches {
				break
			}
		}
	}
	if chosen == nil {
		if own != nil {
			return nil, nil // what the old places have is not needed
		}
		return nil, trouble
	}
	if err := cfg.save(chosen); err != nil {
		return nil, err
	}
	return chosen, errors.Join(from.Store.Remove(from.Private), from.Store.Remove(from.Public))
}

// bound says whether the device's tokens were given to this key.
func (cfg Config) bound(key ed25519.PrivateKey) bool {
	id, err := of(key)
	return err == nil && id.fingerprint == cfg.Bound
}
