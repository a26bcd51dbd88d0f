package service

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// ErrUnsupported says that this system has no service manager that is known here.
var ErrUnsupported = errors.New("services are not known on this system")

// ErrAbsent says that the service is not installed.
var ErrAbsent = errors.New("the service is not installed")

// The limits within which a service is started again, and the time in which it must give a sign of life.
const (
	restartAfter  = 3 * time.Second
	restartsMost  = 30 // within restartsSpan; then it stays down until it is started by hand
	restartsSpan  = 10 * time.Minute
	watchdog      = 60 * time.Second
	startWithin   = 90 * time.Second
	stopWithin    = 20 * time.Second
	commandWithin = 2 * time.Minute // for a program of the system
)

// Service is one service: what it is called, and what it runs.
type Service struct {
	Name    string   // of the unit, service, task or label
	Title   string   // for people, one line
	User    bool     // runs for the user who calls, from his login on; for the machine otherwise
	Program string   // absolute path
	Args    []string // no secrets: everybody on the machine may read them
	Dir     string   // the working directory
}

// State is how a service is.
type State struct {
	Installed bool   `json:"installed"`
	Enabled   bool   `json:"enabled"` // starts by itself
	Running   bool   `json:"running"`
	PID       int    `json:"pid,omitempty"`      // 0 where the system does not say
	Restarts  int    `json:"restarts,omitempty"` // by the system since it was started; 0 where it does not count
	Says      string `json:"says,omitempty"`     // the system's own words
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// check refuses what a definition could not carry.
func (s Service) check() error {
	if !validName.MatchString(s.Name) {
		return fmt.Errorf("service %q: not a name", s.Name)
	}
	for _, path := range []string{s.Program, s.Dir} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("service %q: path %q is not absolute", s.Name, path)
		}
	}
	for _, text := range append([]string{s.Title, s.Program, s.Dir}, s.Args...) {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
			return fmt.Errorf("service %q: %q has a character that no definition takes", s.Name, text)
		}
	}
	return nil
}

// command runs a program of the system and gives what it printed. Its failure has its own words in it.
func command(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err == nil {
		return string(out), nil
	}
	said := strings.TrimSpace(string(out))
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		said = strings.TrimSpace(string(exit.Stderr))
	}
	return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said)
}
