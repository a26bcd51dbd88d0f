package main

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLines(t *testing.T) {
	var got []string
	l := &lines{take: func(s string) { got = append(got, s) }}
	for _, part := range []string{"one", " line\r\n", "", "two\n\nthr", "ee"} {
		if n, err := io.WriteString(l, part); n != len(part) || err != nil {
			t.Errorf("write %q: %d %v", part, n, err)
		}
	}
	if want := []string{"one line", "two", ""}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestAgentLine(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-25T23:16:22.893+00:00-agent-role serves a-b=1": "  23:16:22 agent   role serves a-b=1\n",
		"2026-11-25T23:16:22Z-VPN_Tunnel-up":                    "  23:16:22 VPN_Tunnel up\n",
		"panic: no":                                             "           agent   panic: no\n",
	} {
		var out strings.Builder
		n := &narrator{out: &out, follow: true}
		if n.agentLine(in); out.String() != want {
			t.Errorf("%q: %q", in, out.String())
		}
	}
}

func TestTailIsShownOnFailureAlone(t *testing.T) {
	var out strings.Builder
	n := &narrator{out: &out}
	for i := range tailLines + 3 {
		n.log("00:00:00", "agent", fmt.Sprint(i))
	}
	if out.Len() != 0 {
		t.Errorf("shown: %q", out.String())
	}
	n.showTail()
	if got := strings.Count(out.String(), "\n"); got != tailLines || !strings.HasPrefix(out.String(), "  00:00:00 agent   3\n") {
		t.Errorf("%d lines: %q", got, out.String())
	}
}

func TestEngineLog(t *testing.T) {
	var out strings.Builder
	log := slog.New(engineLog{narrator: &narrator{out: &out, follow: true}}).With("a", 1)
	log.Debug("unseen")
	log.Info("job result", "job_id", 2)
	if got := out.String(); !strings.HasSuffix(got, " engine  job result a=1 job_id=2\n") || strings.Contains(got, "unseen") {
		t.Errorf("%q", got)
	}
}

func TestMilliseconds(t *testing.T) {
	for in, want := range map[time.Duration]int64{0: 0, 1: 1, time.Millisecond: 1, 1500 * time.Microsecond: 2} {
		if got := milliseconds(in); got != want {
			t.Errorf("%v: %d", in, got)
		}
	}
}
