//go:build unix

package main

import (
	"strings"
	"testing"
	"time"
)

// startShell starts a shell in the agent's place and waits for its first line.
func startShell(t *testing.T, script string) *agentProcess {
	t.Helper()
	said := make(chan string, 10)
	p, err := startAgent("/bin/sh", func(line string) { said <- line }, []string{"WORD=ready"}, "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	if line := <-said; line != "ready" {
		t.Errorf("it said %q", line)
	}
	return p
}

func TestAgentIsAskedToEnd(t *testing.T) {
	p := startShell(t, `trap 'exit 0' TERM; echo $WORD; while :; do sleep 0.01; done`)
	for range 2 {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestAgentThatEndsBadlyIsToldOf(t *testing.T) {
	p := startShell(t, `trap 'exit 3' TERM; echo $WORD; while :; do sleep 0.01; done`)
	if err := p.stop(); err == nil || err.Error() != "exit status 3" {
		t.Errorf("stop: %v", err)
	}
	if err := p.died(); err == nil || err.Error() != "the agent ended by itself: exit status 3" {
		t.Errorf("died: %v", err)
	}
}

func TestAgentThatStaysIsKilled(t *testing.T) {
	p := startShell(t, `trap '' TERM; echo $WORD; exec sleep 600`)
	p.patience = 10 * time.Millisecond
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "did not end within 10ms and was killed") {
		t.Errorf("stop: %v", err)
	}
}
