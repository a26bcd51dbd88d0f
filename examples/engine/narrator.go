package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

// tailLines is how much of the log a failure shows.
const tailLines = 20

// narrator tells what the demo does, and the logs of agent and Engine in between.
type narrator struct {
	follow bool // whether log lines are shown as they come

	mu   sync.Mutex
	out  io.Writer
	tail []string
}

// say prints one step: what it is about, and how it went.
func (n *narrator) say(about, format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintf(n.out, "%-9s %s\n", about, fmt.Sprintf(format, args...))
}

// write prints text as it is, with a line end behind it.
func (n *narrator) write(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	io.WriteString(n.out, text)
}

func (n *narrator) log(clock, who, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	line := fmt.Sprintf("  %s %-7s %s\n", clock, who, text)
	if n.tail = append(n.tail, line); len(n.tail) > tailLines {
		n.tail = n.tail[1:]
	}
	if n.follow {
		io.WriteString(n.out, line)
	}
}

// showTail prints the end of the log, unless it was shown already.
func (n *narrator) showTail() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.follow {
		io.WriteString(n.out, strings.Join(n.tail, ""))
	}
}

// logLine is <timestamp>-<service>-<text>, as the agent logs.
var logLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)[0-9.]*(?:Z|[+-]\d\d:\d\d)-([A-Za-z0-9_.]+)-(.*)$`)

// agentLine shows one line of the agent's log without what repeats on each.
func (n *narrator) agentLine(line string) {
	if m := logLine.FindStringSubmatch(line); m != nil {
		n.log(m[1], m[2], m[3])
		return
	}
	n.log(strings.Repeat(" ", len(time.TimeOnly)), "agent", line)
}

// lines calls take for each line that is written. It serves one writer at a time.
type lines struct {
	take func(string)
	rest []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, after, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		l.take(strings.TrimRight(string(line), "\r"))
		l.rest = append([]byte(nil), after...)
	}
}

// engineLog is a slog.Handler that tells the Engine's log.
type engineLog struct {
	*narrator
	attrs string
}

// Enabled leaves out what only a developer wants to know.
func (h engineLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle tells one record.
func (h engineLog) Handle(_ context.Context, r slog.Record) error {
	text := r.Message + h.attrs
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	h.log(r.Time.Format(time.TimeOnly), "engine", text)
	return nil
}

// WithAttrs keeps the attributes for each record to come.
func (h engineLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += fmt.Sprintf(" %s=%v", a.Key, a.Value)
	}
	return h
}

// WithGroup does nothing: the Engine groups no attributes.
func (h engineLog) WithGroup(string) slog.Handler { return h }
