// Package logs writes what the agent has to say to files: agent.log, agent.error.log (every error again, whoever
// had it) and one file per service, each turned over at local midnight to NAME.log.YYYY-MM-DD.
//
// It promises that a record is one line and that no control character survives in it, whatever was logged; that a
// rotated file is never deleted and never overwritten; that several processes may write the same files; and that
// a value whose key looks like a secret, and what Hide was given, is masked, as a net under the callers' own care. A
// line is
//
//	<timestamp>-<service>-<message> key=value ...
//
// with the timestamp in local time, with milliseconds and zone, and a level field unless the level is INFO.
//
// It is not for telling an operator what to do, it keeps nothing in memory but the last few errors, and it never ends
// the agent: a line that cannot be written is counted, and the count is the first thing said once writing works again.
package logs

import (
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"
)

// ErrClosed is what a handler answers once its Logs is closed.
var ErrClosed = errors.New("the log is closed")

// maxFiles bounds the files that one Logs keeps open, since a role may choose the name of a service.
const maxFiles = 256

// Config says where the log is and how it looks at the world.
type Config struct {
	Dir     string           // made when it is missing
	Service string           // names the main file and its lines; "agent" when empty
	Now     func() time.Time // time.Now when nil
	Echo    io.Writer        // gets every line too: the terminal of an agent in the foreground; nil for none
	Level   *slog.LevelVar   // what is let through; INFO and above when nil
}

// Logs is one process's open log.
type Logs struct {
	cfg Config

	mu     sync.Mutex // guards all below, and keeps the lines of a file in the order of their stamps
	files  map[string]*file
	recent []Entry
	hidden []hidden
	closed bool
}

// Open makes the folder and looks at the main file; the files themselves appear with their first line.
func Open(cfg Config) (*Logs, error) {
	if cfg.Service == "" {
		cfg.Service = "agent"
	}
	if err := checkName(cfg.Service); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Level == nil {
		cfg.Level = new(slog.LevelVar)
	}
	l := &Logs{cfg: cfg, files: make(map[string]*file)}
	for _, name := range []string{cfg.Service + ".log", cfg.Service + ".error.log"} {
		if err := l.fileLocked(name).prove(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Logger is the agent's own log.
func (l *Logs) Logger() *slog.Logger {
	return slog.New(&handler{logs: l, service: l.cfg.Service})
}

// Service is the log of one service, in a file of its own: "rdp" is rdp.log, "VPN_Tunnel/tunnel" is tunnel.log in the
// folder VPN_Tunnel. A name that is no plain path below the log's folder is refused: its lines go to the agent's
// own log, with the name as a field, so that nothing is lost and nothing escapes.
func (l *Logs) Service(name string) *slog.Logger {
	if err := checkName(name); err != nil {
		l.Logger().Warn("service has no log of its own", "err", err)
		return l.Logger().With("service", name)
	}
	return slog.New(&handler{logs: l, service: name})
}

// Close closes every file. What is logged afterwards reaches the echo only.
func (l *Logs) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.close())
	}
	clear(l.files)
	return errors.Join(errs...)
}

// write stamps body once and appends it wherever it belongs.
func (l *Logs) write(service string, level slog.Level, body []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	body = l.concealLocked(body)
	line := append(prefix(now, service), body...)
	if l.cfg.Echo != nil {
		_, _ = l.cfg.Echo.Write(line) // a terminal that has gone away is nobody's to mend
	}
	if level >= slog.LevelError {
		l.rememberLocked(Entry{At: now, Service: service, Text: string(body[:len(body)-1])})
	}
	if l.closed {
		return ErrClosed
	}
	err := l.fileLocked(service+".log").append(now, line)
	if level >= slog.LevelError {
		err = errors.Join(err, l.fileLocked(l.cfg.Service+".error.log").append(now, line))
	}
	return err
}

// fileLocked finds or makes the file called name. Past maxFiles, lines go to the agent's own.
func (l *Logs) fileLocked(name string) *file {
	if f, ok := l.files[name]; ok {
		return f
	}
	if main, ok := l.files[l.cfg.Service+".log"]; ok && len(l.files) >= maxFiles {
		return main
	}
	f := &file{dir: l.cfg.Dir, name: name}
	l.files[name] = f
	return f
}
