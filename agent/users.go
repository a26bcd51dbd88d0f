package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/session"
	"github.com/bunny-lab-io/borealis-agent/agent/session/host"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const (
	usersRetry = 5 * time.Second
	// hostStart is how long a session host may take to be there: one that waits for a screen to appear is given up later.
	hostStart = 40 * time.Second
)

// errNobody is why nothing is carried out for the user.
var errNobody = bindings.Fail("unavailable", "no user is logged in")

// users serves whoever is logged in, from an agent in mode SYSTEM. It follows the sessions, keeps a session host in the
// one that counts, and lets the agent's other half, which is the user's towards the Engine, live while there is one.
type users struct {
	system  *agent
	cmd     runCmd // what the half is run with
	machine session.Machine
	program []string
	log     *slog.Logger

	// Only run's own goroutine touches these.
	hosts   []*host.Host // the one that serves and those that come to an end
	tried   time.Time    // when the last host was started
	release func()       // lets go of the mode
	end     func()       // ends the half, and waits

	mu     sync.Mutex
	host   *host.Host // where roles open their bindings; nil when nobody is logged in
	half   *agent
	reason string // why there is no half, when there could be one
}

// newUsers makes the user's side of an agent in mode SYSTEM; nil where this process may become nobody else.
func newUsers(a *agent, c *runCmd) (*users, error) {
	if a.mode != wire.System || os.Geteuid() > 0 { // -1 on Windows
		return nil, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	u := &users{system: a, cmd: *c, program: []string{self, sessionHostArg}, log: a.log.With("part", "users")}
	u.cmd.Config = "" // its own, not the machine's
	u.machine = session.Machine{Bus: os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"), Log: u.log}
	return u, nil
}

// run serves until ctx ends.
func (u *users) run(ctx context.Context) {
	changes := make(chan []session.Session, 1)
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() {
		u.machine.Follow(ctx, func(all []session.Session) {
			select { // what has not been looked at is out of date
			case <-changes:
			default:
			}
			changes <- all
		})
	})
	defer u.leave()
	var all []session.Session
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case all = <-changes:
		case <-again:
		case <-u.lost():
			u.log.Warn("session host ended", "error", u.served().Err())
		}
		again = nil
		if err := u.serve(ctx, all); err != nil && ctx.Err() == nil {
			u.trouble(err)
			again = time.After(usersRetry)
		}
	}
}

// serve brings what runs in line with who is logged in.
func (u *users) serve(ctx context.Context, all []session.Session) error {
	u.dismiss(all)
	var at session.Session
	if h := u.served(); h != nil {
		at = h.Session()
	}
	chosen, ok := session.Choose(all, at)
	if !ok {
		u.leave()
		return nil
	}
	err := u.claim(ctx)
	if err == nil {
		err = u.move(ctx, chosen)
	}
	if err == nil {
		err = u.begin(ctx)
	}
	if err == nil {
		u.tell(u.other(), "")
	}
	return err
}

// dismiss ends the hosts of sessions that have ended, and forgets those that are gone.
func (u *users) dismiss(all []session.Session) {
	var left []*host.Host
	for _, h := range u.hosts {
		if !among(all, h.Session()) {
			h.Close()
		}
		if gone(h) {
			if h == u.served() {
				u.occupy(nil)
			}
			continue
		}
		left = append(left, h)
	}
	u.hosts = left
}

func among(all []session.Session, s session.Session) bool {
	for _, other := range all {
		if other.Same(s) {
			return true
		}
	}
	return false
}

func gone(h *host.Host) bool {
	select {
	case <-h.Done():
		return true
	default:
		return false
	}
}

// claim takes the mode, unless an agent that the user runs has it: then that one serves the user.
func (u *users) claim(ctx context.Context) error {
	if u.release != nil {
		return nil
	}
	release, err := u.system.tree.Serve(ctx, string(wire.CurrentUser))
	if err != nil {
		return err
	}
	u.release = release
	return nil
}

// move sees to it that a host is in the session, and lets the roles know when it is another one.
func (u *users) move(ctx context.Context, to session.Session) error {
	before := u.served()
	if before != nil && before.Session().Same(to) {
		return nil
	}
	if wait := usersRetry - time.Since(u.tried); wait > 0 && before == nil && !u.tried.IsZero() {
		select { // a host that dies at once must not be started as fast as it dies
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
	login, err := u.machine.Login(to)
	if err != nil {
		return err
	}
	u.tried = time.Now()
	bounded, cancel := context.WithTimeout(ctx, hostStart)
	defer cancel()
	h, err := host.Start(bounded, host.Config{Program: u.program, Session: to, Login: login, Log: u.log})
	if err != nil {
		return err
	}
	u.log.Info("serves the user", "user", to.User, "session", to.ID, "type", to.Type, "host", h.PID())
	u.hosts = append(u.hosts, h)
	u.occupy(h)
	if before != nil {
		before.Retire()
	}
	return nil
}

// occupy makes h the host of all roles. Their versions from before end with what they have under way; without a host
// they go on, and what they call says why it fails.
func (u *users) occupy(h *host.Host) {
	u.mu.Lock()
	u.host = h
	half := u.half
	u.mu.Unlock()
	if half != nil && h != nil {
		half.reload.Renew(nil)
	}
}

// begin lets the half live.
func (u *users) begin(ctx context.Context) error {
	if u.end != nil {
		return nil
	}
	a, err := assembleHalf(ctx, u)
	if err != nil {
		return fmt.Errorf("the user's half: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := errors.Join(a.run(ctx), a.close()); err != nil {
			a.log.Error("the user's half ended", "error", err)
		}
	}()
	u.end = func() { cancel(); <-ended }
	u.tell(a, "")
	return nil
}

// leave ends all that serves the user.
func (u *users) leave() {
	u.tell(nil, "")
	if u.end != nil {
		u.end()
		u.end = nil
	}
	u.occupy(nil)
	for _, h := range u.hosts {
		h.Close()
	}
	u.hosts = nil
	if u.release != nil {
		u.release()
		u.release = nil
	}
}

// trouble says once why the user is not served. An agent of the user's own is none.
func (u *users) trouble(err error) {
	if errors.Is(err, settings.ErrServed) {
		u.leave()
		return
	}
	if u.why() != notServed(err.Error()) {
		u.log.Error("the user cannot be served", "error", err)
	}
	u.tell(u.other(), err.Error())
}

// notServed says of a user who is logged in why he is not served.
func notServed(reason string) string { return "the user's session cannot be served: " + reason }

func (u *users) tell(half *agent, reason string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.half, u.reason = half, reason
}

func (u *users) served() *host.Host {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.host
}

// lost is closed when the host that serves is gone.
func (u *users) lost() <-chan struct{} {
	if h := u.served(); h != nil {
		return h.Done()
	}
	return nil
}

// other is the half, or nil.
func (u *users) other() *agent {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.half
}

// why is the reason for which nothing is carried out for the user.
func (u *users) why() string {
	if u == nil {
		return errNobody.Message
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.reason != "" {
		return notServed(u.reason)
	}
	return errNobody.Message
}

// open opens the bindings of one role in the session that counts now.
func (u *users) open(agent bindings.Host, list []bindings.Binding, grants bindings.Grants) (role.Bindings, error) {
	h := u.served()
	if h == nil {
		return nil, bindings.Fail(errNobody.Code, "%s", u.why())
	}
	set, err := h.Open(agent, list, grants)
	if err != nil {
		return nil, err
	}
	return set, nil
}
