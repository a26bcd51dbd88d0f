package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

const (
	signingKeyFile = "server_signing_key.pub"
	bundleFile     = "server_certificate.pem"
)

// SigningKey is the text of the stored key that scripts must be signed with, "" when none is stored.
func (t *Tree) SigningKey() (string, error) {
	text, err := readText(t.file(signingKeyFile))
	if err != nil {
		return "", fmt.Errorf("signing key: %w", err)
	}
	return text, nil
}

// SaveSigningKey stores the text of a signing key.
func (t *Tree) SaveSigningKey(text string) error {
	return writeFile(t.file(signingKeyFile), []byte(strings.TrimSpace(text)+"\n"))
}

// Bundle is the pinned certificate bundle as PEM, nil when none is pinned. A bundle in the place of older trees,
// among the settings, counts as well.
func (t *Tree) Bundle() ([]byte, error) {
	for _, path := range []string{t.bundlePath(), t.file(bundleFile)} {
		pem, err := readFile(path)
		if err == nil {
			return pem, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("pinned bundle: %w", err)
		}
	}
	return nil, nil
}

// PinBundle pins a certificate bundle.
func (t *Tree) PinBundle(pem []byte) error {
	return writeFile(t.bundlePath(), append(bytes.TrimSpace(pem), '\n'))
}

func (t *Tree) bundlePath() string { return filepath.Join(t.certificates, trustFolder, bundleFile) }

// Folder is a private folder of the tree whose files are read and written whole.
type Folder struct{ dir string }

// Identity is the folder of the device's key.
func (t *Tree) Identity() Folder { return Folder{filepath.Join(t.certificates, identityFolder)} }

// Files is the folder of the settings, for those files in it that mean nothing here.
func (t *Tree) Files() Folder { return Folder{t.settings} }

// Read reads a file of the folder; a missing one is fs.ErrNotExist.
func (f Folder) Read(name string) ([]byte, error) { return readFile(filepath.Join(f.dir, name)) }

// Write writes a file of the folder, whole or not at all, for its owner only.
func (f Folder) Write(name string, data []byte) error {
	return writeFile(filepath.Join(f.dir, name), data)
}

// Sealer is what seals the tree's secrets.
func (t *Tree) Sealer() Sealer { return t.sealer }
