package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

const (
	signingKeyFile = "server_signing_key.pub"
	bundleFile     = "server_certificate.pem"
	trustNoteFile  = "engine_trust.json"
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

// TrustNote is how the device came to trust its Engine. The zero value says that it has not enrolled yet.
type TrustNote struct {
	Source string `json:"source"` // what vouched for the Engine at the enrollment
	// Fingerprint is the SHA-256 of the certificate that goes on being trusted, when no bundle could be pinned.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// TrustNote reads the note.
func (t *Tree) TrustNote() (n TrustNote, err error) {
	data, err := readFile(t.trustNotePath())
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		return TrustNote{}, fmt.Errorf("%s: %w; delete it and enroll again", t.trustNotePath(), err)
	}
	return n, nil
}

// SaveTrustNote writes the note.
func (t *Tree) SaveTrustNote(n TrustNote) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return writeFile(t.trustNotePath(), append(text, '\n'))
}

func (t *Tree) trustNotePath() string {
	return filepath.Join(t.certificates, trustFolder, trustNoteFile)
}

// Folder is a private folder of the tree whose files are read and written whole.
type Folder struct{ dir string }

// Identity is the folder of the device's key.
func (t *Tree) Identity() Folder { return Folder{filepath.Join(t.certificates, identityFolder)} }

// TunnelKeys is the folder of the device's own WireGuard keys.
func (t *Tree) TunnelKeys() Folder { return Folder{filepath.Join(t.certificates, tunnelFolder)} }

// OldIdentities are the folders in which older agents kept the device's key under the same file names, one for each
// process.
func (t *Tree) OldIdentities() []Folder {
	return []Folder{{filepath.Join(t.Identity().dir, "SYSTEM")}, {filepath.Join(t.Identity().dir, "CURRENTUSER")}}
}

// Files is the folder of the settings, for those files in it that mean nothing here.
func (t *Tree) Files() Folder { return Folder{t.settings} }

// Read reads a file of the folder; a missing one is fs.ErrNotExist.
func (f Folder) Read(name string) ([]byte, error) { return readFile(filepath.Join(f.dir, name)) }

// Write writes a file of the folder, whole or not at all, for its owner only.
func (f Folder) Write(name string, data []byte) error {
	return writeFile(filepath.Join(f.dir, name), data)
}

// Remove removes a file of the folder; one that is already gone is no error.
func (f Folder) Remove(name string) error { return remove(filepath.Join(f.dir, name)) }

// Sealer is what seals the tree's secrets.
func (t *Tree) Sealer() Sealer { return t.sealer }
