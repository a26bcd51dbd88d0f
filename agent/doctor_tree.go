package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/control"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// maxCopied is the largest file that is copied for a look; what is larger is data, not settings.
const maxCopied = 1 << 20

// certRoots are the variables that put the certificates outside the tree.
func certRoots() []string {
	return []string{"BOREALIS_AGENT_CERT_ROOT", "BOREALIS_CERTIFICATES_ROOT", "BOREALIS_CERT_ROOT"}
}

// settings looks at the folders of the tree, copies what the agent would read of them, and opens the copy: opening a
// tree makes and mends things in it.
func (x *exam) settings(context.Context) finding {
	place := x.settingsDir()
	if _, err := os.Stat(place); errors.Is(err, fs.ErrNotExist) {
		return wrong(fmt.Sprintf("no agent has run in %q yet", x.root), "name the tree of the agent with --home; borealis-agent run makes one")
	} else if err != nil {
		return failure(err, "run the doctor as the agent's user, or as the administrator")
	}
	open, err := x.take()
	if err != nil {
		return failure(err, "run the doctor as the agent's user, or as the administrator")
	}
	tree, err := x.open(false)
	if err != nil {
		return failure(err, "run the doctor as the agent's user, or as the administrator")
	}
	x.agent = &agent{tree: tree, mode: x.cmd.mode(), log: slog.New(slog.DiscardHandler)}
	if x.agent.hostname, err = os.Hostname(); err != nil {
		return failure(err, "give the machine a host name")
	}
	if len(open) > 0 {
		return wrong("others may get at "+strings.Join(open, ", "), "take the rights away (chmod go-rwx), and consider the secrets in there known")
	}
	return fine("%s", place)
}

func (x *exam) settingsDir() string { return filepath.Join(x.root, "Agent", "Borealis", "Settings") }

// take copies the settings, and lists what in them others than the owner may get at.
func (x *exam) take() (open []string, err error) {
	places := map[string]string{}
	for _, part := range []string{"Agent/Borealis", "Agent/Settings", "Certificates/Agent"} {
		part = filepath.FromSlash(part)
		places[filepath.Join(x.root, part)] = filepath.Join(x.copy, part)
	}
	for _, name := range certRoots() {
		if dir := os.Getenv(name); dir != "" {
			places[dir] = filepath.Join(x.copy, name)
		}
	}
	for from, to := range places {
		if there, err := filepath.EvalSymlinks(from); err == nil {
			from = there
		}
		err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && slices.Contains([]string{"RoleData", "release"}, d.Name()) {
				return filepath.SkipDir
			}
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) { // a running agent's temporary file, or a link to nothing
				return nil
			}
			if err != nil {
				return err
			}
			if loose(path, info) {
				open = append(open, path)
			}
			return copyPlain(path, filepath.Join(to, strings.TrimPrefix(path, from)), info)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	slices.Sort(open)
	return open, nil
}

func copyPlain(from, to string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return os.MkdirAll(to, 0o700)
	case !info.Mode().IsRegular() || info.Size() > maxCopied || slices.Contains([]string{".lock", ".db"}, filepath.Ext(from)):
		return nil
	}
	data, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// errOnlyLooks is why the doctor's own sealing seals nothing.
var errOnlyLooks = errors.New("the doctor only looks")

// lookingSealer opens what the machine sealed. It would make a key where there is none, so it seals nothing, or leaves
// it plain.
type lookingSealer struct {
	settings.Sealer
	plain bool
}

func (s lookingSealer) Seal(plain []byte) ([]byte, error) {
	if !s.plain {
		return nil, errOnlyLooks
	}
	return plain, nil
}

func (lookingSealer) Current([]byte) bool { return true }

// open opens the copy; what is written there is refused, or lies plain.
func (x *exam) open(plain bool) (*settings.Tree, error) {
	getenv := func(name string) string {
		value := os.Getenv(name)
		if value != "" && slices.Contains(certRoots(), name) {
			return filepath.Join(x.copy, name)
		}
		return value
	}
	machines, err := settings.Options{Getenv: getenv}.Open(x.copy)
	if err != nil {
		return nil, err
	}
	return settings.Options{Getenv: getenv, Sealer: lookingSealer{machines.Sealer(), plain}}.Open(x.copy)
}

// running asks the agent itself, if it runs.
func (x *exam) running(ctx context.Context) finding {
	var s status
	err := control.Call(ctx, control.Place{Dir: x.settingsDir(), Name: x.cmd.Mode}, "status", nil, &s)
	switch {
	case errors.Is(err, control.ErrNoAgent):
		return warn("no agent runs in mode "+x.cmd.Mode, "borealis-agent run starts one; --mode CURRENTUSER asks about the user's")
	case err != nil:
		return failure(err, "")
	case !s.Connected:
		mend := s.Mend
		if mend == "" {
			mend = "the steps below show where the way ends"
		}
		return warn(fmt.Sprintf("runs as process %d, %s, not connected: %s", s.PID, s.Enrollment, s.LastError), mend)
	}
	return fine("runs as process %d, %s, connected", s.PID, s.Enrollment)
}

// identity reads the device's key. Where there is none that this agent has sealed, the copy gets one.
func (x *exam) identity(ctx context.Context) finding {
	id, err := x.agent.openIdentity(ctx)
	if errors.Is(err, errOnlyLooks) {
		if x.agent.tree, err = x.open(true); err == nil {
			return warn("the agent has not sealed a key for the device yet", "it does so at its first start")
		}
	}
	if err != nil {
		return failure(err, "")
	}
	return fine("key %.16s", id.Fingerprint())
}

// enrollment looks at the tokens that lie on disk.
func (x *exam) enrollment(context.Context) finding {
	tok, err := x.agent.tree.Tokens()
	x.enrolled = tok.Refresh != ""
	switch {
	case err != nil:
		return failure(err, "")
	case !x.enrolled:
		return warn("the device is not enrolled", "start the agent with an enrollment code and approve the device at the Engine")
	case tok.ExpiresAt.IsZero():
		return fine("enrolled; no access token at hand")
	}
	return fine("enrolled; access token until %s", clock(tok.ExpiresAt))
}
