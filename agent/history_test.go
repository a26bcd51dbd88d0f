package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

func openTree(t *testing.T) *settings.Tree {
	t.Helper()
	tree, err := settings.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func quietLog(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func TestTheHistoryIsBounded(t *testing.T) {
	tree := openTree(t)
	const written = historyLines + 3*historySlack + 7
	h := openHistory(tree, quietLog(t))
	for i := range written {
		if i == written/2 {
			h = openHistory(tree, quietLog(t)) // as after a restart
		}
		h.add(reload.Entry{Name: fmt.Sprint(i), State: reload.Running})
		if text, err := os.ReadFile(historyPath(tree)); err != nil || bytes.Count(text, []byte("\n")) > historyLines+historySlack {
			t.Fatalf("%d lines after %d, %v", bytes.Count(text, []byte("\n")), i, err)
		}
	}
	all, err := readHistory(tree)
	if err != nil || len(all) != historyLines || all[0].Name != fmt.Sprint(written-historyLines) || all[len(all)-1].Name != fmt.Sprint(written-1) {
		t.Fatalf("%d entries from %q to %q, %v", len(all), all[0].Name, all[len(all)-1].Name, err)
	}
}

func TestAHistoryThatWasCutShortGoesOn(t *testing.T) {
	tree := openTree(t)
	if err := os.WriteFile(historyPath(tree), []byte(`{"name":"one","file":"f"}`+"\nnonsense\n"+`{"name":"tw`), 0o600); err != nil {
		t.Fatal(err)
	}
	openHistory(tree, quietLog(t)).add(reload.Entry{Name: "three", Reason: strings.Repeat("x", 5*maxReason)})
	all, err := readHistory(tree)
	if err != nil || len(all) != 2 || all[0].Name != "one" || all[1].Name != "three" || len(all[1].Reason) != maxReason+3 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
}

func TestAHistoryThatCannotBeWrittenStopsNothing(t *testing.T) {
	tree := openTree(t)
	if err := os.Mkdir(historyPath(tree), 0o700); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	openHistory(tree, slog.New(slog.NewTextHandler(&log, nil))).add(reload.Entry{Name: "one"})
	if !strings.Contains(log.String(), "history of roles not written") {
		t.Errorf("log: %s", &log)
	}
}

func TestReleasesAreTakenOnce(t *testing.T) {
	tree := openTree(t)
	if files := takeReleases(tree, "SYSTEM"); files != nil {
		t.Errorf("took %q of nothing", files)
	}
	if err := askRelease(tree, "SYSTEM", "role_a.lua"); err != nil {
		t.Fatal(err)
	}
	if err := askRelease(tree, "SYSTEM", "../role_a.lua"); err == nil {
		t.Error("a path was taken for a file's name")
	}
	if files := takeReleases(tree, "CURRENTUSER"); files != nil {
		t.Errorf("another mode's agent took %q", files)
	}
	for _, want := range []int{1, 0} {
		if files := takeReleases(tree, "SYSTEM"); len(files) != want {
			t.Errorf("took %q", files)
		}
	}
}

// What is kept of a quarantine comes back, and what was damaged is told rather than taken for nothing.
func TestTheQuarantineIsKept(t *testing.T) {
	q := quarantine{openTree(t).Files(), "SYSTEM"}
	if all, err := q.Load(); err != nil || len(all) != 0 {
		t.Fatalf("%v, %v", all, err)
	}
	want := reload.Sentence{Content: "c", Version: "v", Name: "a", Events: []string{"x"}, Reason: "r", Since: 7}
	if err := q.Save(map[string]reload.Sentence{"role_a.lua": want}); err != nil {
		t.Fatal(err)
	}
	all, err := q.Load()
	if got := all["role_a.lua"]; err != nil || len(all) != 1 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, %v", all, err)
	}
	if err := q.files.Write(q.name(), []byte("{")); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Load(); err == nil {
		t.Error("damage was not told")
	}
}
