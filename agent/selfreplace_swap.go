package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/service"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// Beside the programs, while a replacement is on trial: the journal, and the version before.
const (
	journalName = "replacement.json"
	beforeMark  = ".before"
)

// replacementLock is held by whoever watches over a replacement.
const replacementLock = "replacement.lock"

// takeReplacement waits a little for the lock: whoever was killed with it may still be on the way out of a write.
func takeReplacement(tree *settings.Tree) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Second, errors.New("a replacement or an installation is under way"))
	defer cancel()
	return tree.Lock(ctx, replacementLock)
}

// maxTrials is how often a new version may be started before it has proved itself.
const maxTrials = 3

// journal says that the programs are being replaced. The order of things makes each instant one from which there is a way
// to a whole version: the version before is copied, the journal written, the worker replaced, and the agent last; the
// way back begins with the agent. So whoever finds a journal and not the agent that it names has only the worker to put back.
type journal struct {
	Agent  string `json:"agent"`  // SHA-256 of the new one
	Trials int    `json:"trials"` // starts since
}

func journalPath(dir string) string { return filepath.Join(dir, journalName) }

func (j journal) write(dir string) error {
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	_, err = service.PutFile(journalPath(dir), append(text, '\n'), 0o644)
	return err
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// swap puts a release in the place of the programs.
func swap(dir string, next release) error {
	names := programNames(ending())
	for _, name := range names {
		if err := copyProgram(filepath.Join(dir, name), filepath.Join(dir, name+beforeMark)); err != nil {
			return err
		}
	}
	if err := (journal{Agent: sum(next.agent)}).write(dir); err != nil {
		return err
	}
	if _, err := service.PutFile(filepath.Join(dir, names[1]), next.worker, 0o755); err != nil {
		return err
	}
	_, err := service.PutFile(filepath.Join(dir, names[0]), next.agent, 0o755)
	return err
}

// putBack puts the version before in its place again, which needs no room on the disk. Without a journal it is there still,
// and its copies go.
func putBack(dir string) error {
	if _, err := os.Stat(journalPath(dir)); errors.Is(err, fs.ErrNotExist) {
		return endReplacement(dir)
	}
	for _, name := range programNames(ending()) {
		path := filepath.Join(dir, name)
		if err := service.MoveFile(path+beforeMark, path); err != nil && !errors.Is(err, fs.ErrNotExist) { // it is back already
			return err
		}
	}
	return endReplacement(dir)
}

// endReplacement lets what is in place be the version that counts.
func endReplacement(dir string) error {
	err := remove(journalPath(dir))
	for _, name := range programNames(ending()) {
		err = errors.Join(err, remove(filepath.Join(dir, name+beforeMark)))
	}
	return err
}

func copyProgram(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	_, err = service.PutFile(to, data, 0o755)
	return err
}

// errPutBack says that this program is no longer the one in place, and is to make room for it.
var errPutBack = errors.New("the new version did not prove itself in time: the one before is in its place again")

// settleReplacement looks, when the service starts, at a replacement whose end nobody has seen. One that stopped halfway
// is undone; a new version that was started too often without proving itself makes room for the one before.
func settleReplacement(dir string) error {
	text, err := os.ReadFile(journalPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var j journal
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("%s: %w", journalPath(dir), err)
	}
	agent, err := os.ReadFile(filepath.Join(dir, programNames(ending())[0]))
	if err != nil {
		return err
	}
	if sum(agent) != j.Agent {
		return putBack(dir)
	}
	if j.Trials++; j.Trials > maxTrials {
		return errors.Join(errPutBack, putBack(dir))
	}
	return j.write(dir)
}

// provesIn is how long a new version has to serve until it counts, when nobody watches over it any more.
const provesIn = time.Minute

// proveReplacement ends a replacement whose watcher is gone, once this version has served for a while.
func (a *agent) proveReplacement(ctx context.Context) error {
	dir, err := programsDir()
	if err != nil {
		return err
	}
	look := time.NewTicker(provesIn)
	defer look.Stop()
	for {
		if _, err := os.Stat(journalPath(dir)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		if unlock, err := a.tree.TryLock(replacementLock); err == nil {
			defer unlock()
			a.log.Info("this version has proved itself", "version", version)
			return endReplacement(dir)
		}
	}
}

// programsDir is where this program lies.
func programsDir() (string, error) {
	worker, err := workerPath()
	return filepath.Dir(worker), err
}
