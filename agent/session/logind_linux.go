package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	login1        = "org.freedesktop.login1"
	login1Path    = "/org/freedesktop/login1"
	login1Manager = login1 + ".Manager"
	login1Session = login1 + ".Session"

	// askLogind bounds one look: logind answers in a millisecond, or hangs.
	askLogind = 10 * time.Second
	// maxSessions is more than a machine has; a list past it is not looked at further.
	maxSessions = 1024
)

// hints takes every signal for a hint that something may have changed. It never blocks the connection.
type hints chan struct{}

// DeliverSignal is called by the connection for each signal.
func (h hints) DeliverSignal(string, string, *dbus.Signal) {
	select {
	case h <- struct{}{}:
	default:
	}
}

// dialLogind connects to the bus and asks it for logind's signals.
func dialLogind(ctx context.Context, address string) (*dbus.Conn, hints, error) {
	signals := make(hints, 1)
	ctx, cancel := context.WithTimeout(ctx, askLogind)
	defer cancel()
	// The library greets the bus without a context, and a bus need not answer.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, end)()
	conn, err := dbus.Connect(address, dbus.WithSignalHandler(signals), dbus.WithContext(life))
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("bus %q: %w", address, err)
	}
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(login1), dbus.WithMatchPathNamespace(login1Path))
	if err == nil { // nobody may be behind the name, and the bus may start somebody
		err = conn.Object(login1, login1Path).CallWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", 0).Err
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("logind: %w", err), conn.Close())
	}
	return conn, signals, nil
}

// listLogind asks logind for its sessions. One that ends meanwhile is left out.
func listLogind(ctx context.Context, conn *dbus.Conn) ([]Session, error) {
	var listed []struct {
		ID   string
		UID  uint32
		User string
		Seat string
		Path dbus.ObjectPath
	}
	call := conn.Object(login1, login1Path).CallWithContext(ctx, login1Manager+".ListSessions", 0)
	if err := call.Store(&listed); err != nil {
		return nil, fmt.Errorf("logind's sessions: %w", err)
	}
	var all []Session
	for _, l := range listed[:min(len(listed), maxSessions)] {
		var properties map[string]dbus.Variant
		call := conn.Object(login1, l.Path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", 0, login1Session)
		if err := call.Store(&properties); err != nil {
			var said dbus.Error
			if errors.As(err, &said) {
				continue // it has ended
			}
			return nil, fmt.Errorf("logind's session %q: %w", l.ID, err)
		}
		if s, ok := fromLogind(l.ID, l.UID, properties); ok {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Session) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// fromLogind reads what logind says of one session, and reports whether it is a user's.
func fromLogind(id string, uid uint32, p map[string]dbus.Variant) (Session, bool) {
	class, state := property[string](p, "Class"), property[string](p, "State")
	isUser := class == "user" || strings.HasPrefix(class, "user-") && class != "user-incomplete"
	if !isUser || state == "closing" || uid == 0 {
		return Session{}, false
	}
	s := Session{
		ID: id, UID: uid, User: property[string](p, "Name"), Type: property[string](p, "Type"),
		TTY: property[string](p, "TTY"), Display: property[string](p, "Display"), Leader: int(property[uint32](p, "Leader")),
		Active: property[bool](p, "Active"), Remote: property[bool](p, "Remote"), Locked: property[bool](p, "LockedHint"),
	}
	if usec := property[uint64](p, "Timestamp"); usec != 0 {
		s.Since = time.UnixMicro(int64(usec))
	}
	if seat := property[[]any](p, "Seat"); len(seat) > 0 {
		s.Seat, _ = seat[0].(string)
	}
	return s, true
}

// property is the value of a property, or nothing when it is absent or of another type.
func property[T any](p map[string]dbus.Variant, name string) T {
	v, _ := p[name].Value().(T)
	return v
}
