package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

const (
	historyFile = "role_history.jsonl"
	// historyLines is how many lines are kept; historySlack how many more may stand there before the oldest go, so
	// that not every new one rewrites all.
	historyLines, historySlack = 1000, 100
	// maxReason caps a reason in it: a file may have any number of problems.
	maxReason = 2000
)

// history is what became of the roles' files, a line of JSON each.
type history struct {
	files settings.Folder
	path  string
	log   *slog.Logger

	mu    sync.Mutex
	lines int
}

func openHistory(tree *settings.Tree, log *slog.Logger) *history {
	h := &history{files: tree.Files(), path: historyPath(tree), log: log}
	h.lines = historyLines + historySlack // unknown: the first line counts, and mends what a crash cut short
	return h
}

func historyPath(tree *settings.Tree) string { return filepath.Join(tree.Settings(), historyFile) }

// add keeps an entry. A history that cannot be written is said, and stops nothing.
func (h *history) add(e reload.Entry) {
	if len(e.Reason) > maxReason {
		e.Reason = e.Reason[:maxReason] + "..."
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.addLocked(e); err != nil {
		h.log.Error("history of roles not written", "error", err)
	}
}

func (h *history) addLocked(e reload.Entry) error {
	if h.lines >= historyLines+historySlack {
		if err := h.trimLocked(); err != nil {
			return err
		}
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(h.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	h.lines++
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// trimLocked leaves room for one line among those that are kept.
func (h *history) trimLocked() error {
	text, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		h.lines = 0
		return nil
	}
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines = lines[:len(lines)-1] // empty, or cut short by a crash
	whole := len(bytes.Join(lines, nil)) == len(text)
	h.lines = len(lines)
	if h.lines < historyLines && whole {
		return nil
	}
	lines = lines[max(0, len(lines)-historyLines+1):]
	h.lines = len(lines)
	return h.files.Write(historyFile, bytes.Join(lines, nil))
}

// readHistory reads what is kept, oldest first. Lines that are none are left out.
func readHistory(tree *settings.Tree) ([]reload.Entry, error) {
	text, err := os.ReadFile(historyPath(tree))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []reload.Entry
	for line := range bytes.Lines(text) {
		var e reload.Entry
		if json.Unmarshal(line, &e) == nil {
			all = append(all, e)
		}
	}
	return all[max(0, len(all)-historyLines):], nil
}
