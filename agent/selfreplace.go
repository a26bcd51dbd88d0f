package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/logs"
	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/service"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

type selfReplaceCmd struct {
	OfService
	File   string        `arg:"" help:"The release: a .tar.gz of the agent and its worker, with its Ed25519 signature in FILE.sig."`
	Within time.Duration `default:"2m" help:"How long the new version may take to be as well as the old one was."`
	Older  bool          `help:"Take a release that is older, or of whose age nothing is known."`
}

func (c *selfReplaceCmd) Help() string {
	return `Examples:
  borealis-agent self-replace borealis-agent-1.4.0-linux-amd64.tar.gz

Replaces the programs of an installed service by those of a release that is signed with one of the keys of service install
--release-key, and starts the service anew. A version that does not answer, that loses the Engine or that serves fewer roles
than the one before makes room for that one again. docs/service.md says how a release is made.`
}

// replacement is one run of the command.
type replacement struct {
	*selfReplaceCmd
	dir    string // of the programs
	tree   *settings.Tree
	log    *slog.Logger
	before status
	next   release
}

// Run replaces the programs, or leaves them as they were.
func (c *selfReplaceCmd) Run() (err error) {
	if !c.User && !privileged() {
		return errors.New("the machine's agent is the administrator's to replace")
	}
	r := &replacement{selfReplaceCmd: c}
	if r.tree, err = c.tree(); err != nil {
		return err
	}
	installed, err := readRecord(r.tree, c.mode())
	switch {
	case err != nil || installed.Gone:
		return errors.Join(errors.New("there is no service whose programs could be replaced: install it first"), err)
	case installed.InPlace:
		return fmt.Errorf("the programs in %q were not put there by service install: who did is to replace them", installed.Programs)
	}
	r.dir = installed.Programs
	l, err := logs.Open(logs.Config{Dir: r.tree.Logs(), Echo: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r.log = l.Service(installLog)
	unlock, err := takeReplacement(r.tree)
	if err != nil {
		return err
	}
	defer unlock()
	if err = r.replace(context.Background()); err != nil {
		r.log.Error("self-replace: the version before stays", "file", c.File, "error", err)
	}
	return err
}

func (r *replacement) replace(ctx context.Context) (err error) {
	if err := guardFolder(r.dir); err != nil {
		return err
	}
	if err := errors.Join(settleReplacement(r.dir), sweepPrograms(r.dir)); err != nil { // what was interrupted
		return err
	}
	if r.before, err = r.prove(ctx, r.tree); err != nil {
		return err
	}
	keys, err := releaseKeys(r.tree)
	if err != nil {
		return err
	}
	if r.next, err = openRelease(r.File, keys); err != nil {
		return err
	}
	to, err := r.tryOut(ctx)
	if err != nil {
		return err
	}
	r.log.Info("self-replace", "from", r.before.Version, "to", to)
	if err := swap(r.dir, r.next); err != nil {
		return errors.Join(err, putBack(r.dir))
	}
	if err := r.healthy(ctx, to); err != nil {
		r.log.Error("the new version is not well; the one before takes over again", "version", to, "error", err)
		return errors.Join(fmt.Errorf("version %s: %w", to, err), r.back(ctx))
	}
	r.log.Info("replaced", "version", to)
	return endReplacement(r.dir)
}

// tryOut has the new agent say which version it is, before anything depends on it.
func (r *replacement) tryOut(ctx context.Context) (version string, err error) {
	dir, err := os.MkdirTemp(r.dir, ".try-") // only its maker may enter it
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, programNames(ending())[0])
	if _, err := service.PutFile(path, r.next.agent, 0o755); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "version", "--json").Output()
	if err != nil {
		return "", fmt.Errorf("the release does not run here: %w", err)
	}
	var is struct{ Version string }
	if err := json.Unmarshal(out, &is); err != nil {
		return "", fmt.Errorf("the release's version: %w", err)
	}
	if !r.Older && !notOlder(is.Version, r.before.Version) {
		return "", fmt.Errorf("version %q is not known to be at least as new as %q; --older takes it all the same", is.Version, r.before.Version)
	}
	return is.Version, nil
}

// healthy starts the service anew and waits until it is as well as it was.
func (r *replacement) healthy(ctx context.Context, version string) error {
	if err := r.service().Restart(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.Within)
	defer cancel()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		said, _, err := r.ask(ctx, r.tree)
		if err == nil {
			err = asWell(said, r.before, version)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not well within %v: %w", r.Within, err)
		case <-look.C:
		}
	}
}

// asWell says what an agent lacks that the one before had.
func asWell(is, was status, version string) error {
	serving := func(s status) (n int) {
		for _, role := range s.Roles {
			if role.State == reload.Running {
				n++
			}
		}
		return n
	}
	switch {
	case is.Version != version:
		return fmt.Errorf("version %q answers", is.Version)
	case was.Connected && !is.Connected:
		return errors.New("it is not connected to the Engine, as the one before was")
	case serving(is) < serving(was):
		return fmt.Errorf("it serves %d roles, and the one before served %d", serving(is), serving(was))
	}
	return nil
}

// back brings the version before into its place, and sees it work.
func (r *replacement) back(ctx context.Context) error {
	if err := putBack(r.dir); err != nil {
		return err
	}
	if err := r.service().Restart(ctx); err != nil {
		return err
	}
	_, err := r.prove(ctx, r.tree)
	return err
}

// notOlder compares the first three numbers of two versions. Of others it knows nothing.
func notOlder(version, than string) bool {
	var a, b [3]int
	for text, into := range map[string]*[3]int{version: &a, than: &b} {
		if n, _ := fmt.Sscanf(text, "%d.%d.%d", &into[0], &into[1], &into[2]); n == 3 {
			continue
		}
		if n, _ := fmt.Sscanf(text, "v%d.%d.%d", &into[0], &into[1], &into[2]); n != 3 {
			return false
		}
	}
	return slices.Compare(a[:], b[:]) >= 0
}
