//go:build unix

package process

import (
	"maps"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// signals are those that a program may be sent, by the names that RFC 4254 (section 6.10) has for them. Its KILL is kill,
// which reaches the whole tree.
func signals() map[string]syscall.Signal {
	return map[string]syscall.Signal{
		"HUP": unix.SIGHUP, "INT": unix.SIGINT, "QUIT": unix.SIGQUIT, "TERM": unix.SIGTERM, "USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2,
	}
}

// signal reaches the program and what runs in its process group; on a terminal, those signals that its keys can send reach
// what runs in front, as the keys would. Nothing happens to a program that has ended: its number may be another's soon.
func (p *proc) signal(name string) error {
	number, known := signals()[name]
	if !known {
		return bindings.Misused("argument 1: %.20q is none of %s", name, strings.Join(slices.Sorted(maps.Keys(signals())), ", "))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exited || (p.screen != nil && p.screen.signal(number)) {
		return nil
	}
	return unix.Kill(-p.os.Pid, number)
}
