// Package settings is the agent's runtime tree: where its settings, certificates and logs lie, how the files of the
// contract there are read and written, and how secrets are sealed in them. It promises that a file is written whole or
// not at all, that only its owner may read it from its first byte on, and that two processes of one device can take
// turns. It decides nothing about what the values mean, and it opens no connection.
package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ErrForeign says that the tree is another account's, and this one may not read it.
var ErrForeign = errors.New("this tree belongs to another account: run the agent as that one, or give it a tree of its own with --home")

// ErrNoRoot says that nobody named the folder that holds the runtime tree.
var ErrNoRoot = errors.New("no runtime tree is named: use --home or BOREALIS_ROOT")

// Options are what a Tree takes from outside itself. The zero value is the machine's.
type Options struct {
	Getenv    func(string) string
	MachineID func() (string, error) // what the machine's own sealing is bound to
	Sealer    Sealer                 // in place of the machine's own sealing
	Now       func() time.Time
}

// Tree is one runtime tree. All its methods may be called from several goroutines.
type Tree struct {
	root         string
	settings     string
	certificates string
	logs         string
	getenv       func(string) string
	sealer       Sealer
	now          func() time.Time

	mu      sync.Mutex
	serving map[string]bool // modes that this very process serves
}

// Root is the root of the tree: flag when it is given, else BOREALIS_ROOT, else BOREALIS_PROJECT_ROOT, else ErrNoRoot.
func Root(flag string, getenv func(string) string) (string, error) {
	for _, root := range []string{flag, getenv("BOREALIS_ROOT"), getenv("BOREALIS_PROJECT_ROOT")} {
		if root = strings.TrimSpace(root); root != "" {
			return root, nil
		}
	}
	return "", ErrNoRoot
}

// Open opens the tree under root with the machine's environment, clock and sealing, and makes its folders.
func Open(root string) (*Tree, error) { return Options{}.Open(root) }

// Open opens the tree under root and makes its folders where they are missing.
func (o Options) Open(root string) (*Tree, error) {
	if root == "" {
		return nil, ErrNoRoot
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("runtime tree %q: %w", root, err)
	}
	t := &Tree{root: root, getenv: o.Getenv, sealer: o.Sealer, now: o.Now, serving: map[string]bool{}}
	if t.getenv == nil {
		t.getenv = os.Getenv
	}
	if t.sealer == nil {
		machine := o.MachineID
		if machine == nil {
			machine = machineID
		}
		t.sealer = machineSealer(t.getenv, machine)
	}
	if t.now == nil {
		t.now = time.Now
	}
	t.settings = filepath.Join(root, "Agent", "Borealis", "Settings")
	t.logs = filepath.Join(root, "Agent", "Logs")
	t.certificates = t.findCertificates()
	return t, t.makeFolders()
}

// findCertificates follows the overrides; without one it takes the place of the code, or that of the older
// documentation when an identity already lies there, because a second identity would cost a new approval.
func (t *Tree) findCertificates() string {
	if base := t.getenv("BOREALIS_AGENT_CERT_ROOT"); base != "" {
		return base
	}
	for _, name := range []string{"BOREALIS_CERTIFICATES_ROOT", "BOREALIS_CERT_ROOT"} {
		if base := t.getenv(name); base != "" {
			return filepath.Join(base, "Agent")
		}
	}
	place := filepath.Join(t.root, "Agent", "Borealis", "Certificates")
	older := filepath.Join(t.root, "Certificates", "Agent")
	if !exists(filepath.Join(place, identityFolder)) && exists(filepath.Join(older, identityFolder)) {
		return older
	}
	return place
}

const (
	identityFolder = "Identity"
	trustFolder    = "Trusted_Server_Cert"
	tunnelFolder   = "VPN_Client"
)

func (t *Tree) makeFolders() error {
	private := []string{
		t.settings, t.certificates,
		filepath.Join(t.certificates, identityFolder), filepath.Join(t.certificates, trustFolder),
		filepath.Join(t.certificates, tunnelFolder),
	}
	if err := os.MkdirAll(filepath.Join(t.root, "Agent", "Borealis"), 0o755); err != nil {
		return fmt.Errorf("runtime tree: %w", err)
	}
	if err := os.MkdirAll(t.logs, 0o750); err != nil {
		return fmt.Errorf("logs: %w", err)
	}
	for _, dir := range private {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("runtime tree: %w", err)
		}
		if err := shut(dir); err != nil {
			return err
		}
		if err := sweep(dir, t.now()); err != nil {
			return fmt.Errorf("runtime tree: %w", err)
		}
	}
	return nil
}

// Root is the folder that the tree hangs from.
func (t *Tree) Root() string { return t.root }

// Settings is the folder of the settings, the tokens and the locks.
func (t *Tree) Settings() string { return t.settings }

// Certificates is the folder of the identity, the pinned bundle and the tunnel's keys.
func (t *Tree) Certificates() string { return t.certificates }

// Logs is the folder of the logs.
func (t *Tree) Logs() string { return t.logs }

func (t *Tree) file(name string) string { return filepath.Join(t.settings, name) }

// legacy is the place where files of this name lay in older trees.
func (t *Tree) legacy(name string) string { return filepath.Join(t.root, "Agent", "Settings", name) }

// Suffix is the canonical form of a --config suffix: SYSTEM or CURRENTUSER for their many spellings, else what is
// left of it after all but letters, digits, "_" and "-" is taken out.
func Suffix(text string) string {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "svc", "system", "system_service", "service":
		return "SYSTEM"
	case "user", "currentuser", "interactive":
		return "CURRENTUSER"
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || ('0' <= r && r <= '9') || ('a' <= r && r <= 'z') || ('A' <= r && r <= 'Z') {
			return r
		}
		return -1
	}, text)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// statusFile tells people and programs on this machine how the agent is.
const statusFile = "status.json"

// SaveStatus replaces the status file.
func (t *Tree) SaveStatus(text []byte) error { return writeFile(t.file(statusFile), text) }
