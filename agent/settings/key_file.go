package settings

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keyMissing says where the key was looked for.
func (s *keySealer) keyMissing() error {
	path, err := s.file()
	if err != nil {
		return errors.Join(ErrSealKey, err)
	}
	return fmt.Errorf("%w (looked for at %q)", ErrSealKey, path)
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
