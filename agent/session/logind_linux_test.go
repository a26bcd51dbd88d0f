package session

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=SOCKET</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// daemon starts a bus of the test's own, and gives its address.
func daemon(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	config, socket := filepath.Join(dir, "bus.conf"), filepath.Join(dir, "bus")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(busConfig, "SOCKET", socket)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--nofork", "--print-address", "--config-file="+config)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return "unix:path=" + socket
}

// desk is a logind of the test's own: it answers as the real one does, with what the test puts in.
type desk struct {
	conn *dbus.Conn

	mu       sync.Mutex
	sessions map[string]map[string]dbus.Variant
}

type row struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

func newDesk(t *testing.T, address string) *desk {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	d := &desk{conn: conn, sessions: map[string]map[string]dbus.Variant{}}
	err = errors.Join(
		conn.Export(d, login1Path, login1Manager),
		conn.ExportSubtree(properties{d}, login1Path+"/session", "org.freedesktop.DBus.Properties"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(login1, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return d
}

// put lists a session and tells of it as logind does.
func (d *desk) put(id string, p map[string]any) {
	values := map[string]dbus.Variant{}
	for name, v := range p {
		values[name] = dbus.MakeVariant(v)
	}
	d.mu.Lock()
	d.sessions[id] = values
	d.mu.Unlock()
	d.conn.Emit(login1Path, login1Manager+".SessionNew", id, dbus.ObjectPath(login1Path+"/session/"+id))
}

func (d *desk) remove(id string) {
	d.mu.Lock()
	delete(d.sessions, id)
	d.mu.Unlock()
	d.conn.Emit(login1Path, login1Manager+".SessionRemoved", id, dbus.ObjectPath(login1Path+"/session/"+id))
}

// ListSessions also lists one that has just ended.
func (d *desk) ListSessions() ([]row, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rows := []row{{ID: "ended", UID: 1000, Path: login1Path + "/session/ended"}}
	for id, p := range d.sessions {
		uid, _ := p["uid"].Value().(uint32)
		rows = append(rows, row{ID: id, UID: uid, Path: dbus.ObjectPath(login1Path + "/session/" + id)})
	}
	return rows, nil
}

type properties struct{ d *desk }

func (p properties) GetAll(msg dbus.Message, _ string) (map[string]dbus.Variant, *dbus.Error) {
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	values, ok := p.d.sessions[filepath.Base(string(path))]
	if !ok {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", []any{"gone"})
	}
	return values, nil
}

// seated is a desktop session, as logind tells of one.
func seated(name string, uid uint32, changes map[string]any) map[string]any {
	p := map[string]any{
		"uid": uid, "Name": name, "Class": "user", "State": "active", "Type": "wayland", "TTY": "tty2", "Display": "",
		"Leader": uint32(4242), "Active": true, "Remote": false, "LockedHint": false, "Timestamp": uint64(1_790_000_000_000_001),
		"Seat": struct {
			ID   string
			Path dbus.ObjectPath
		}{"seat0", "/org/freedesktop/login1/seat/seat0"},
	}
	for name, v := range changes {
		p[name] = v
	}
	return p
}

func TestLogindIsAsked(t *testing.T) {
	address := daemon(t)
	d := newDesk(t, address)
	d.put("2", seated("ada", 1000, nil))
	d.put("c1", seated("gdm", 107, map[string]any{"Class": "greeter"}))
	d.put("3", seated("ada", 1000, map[string]any{"Class": "manager"}))
	d.put("4", seated("bob", 1001, map[string]any{"State": "closing"}))
	d.put("5", seated("root", 0, nil))
	d.put("6", map[string]any{"uid": uint32(1002), "Class": "user", "Name": uint32(7), "Seat": "not a seat"})
	got, err := Machine{Bus: address}.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Session{
		{
			ID: "2", UID: 1000, User: "ada", Type: "wayland", Seat: "seat0", TTY: "tty2", Leader: 4242, Active: true,
			Since: time.UnixMicro(1_790_000_000_000_001),
		},
		{ID: "6", UID: 1002}, // what is of another type than it should be counts as absent
	}
	if len(got) != 2 || !equal(got[0], want[0]) || !equal(got[1], want[1]) {
		t.Errorf("got %+v", got)
	}
}

func TestAMachineWhoseBusHasNoLogindIsAskedForItsUtmp(t *testing.T) {
	m := Machine{Bus: daemon(t), Utmp: filepath.Join(t.TempDir(), "none")}
	if all, err := m.Sessions(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// Each change is one that only a signal can bring: the source is told to look by itself once in an hour.
func TestSessionsAreFollowed(t *testing.T) {
	address := daemon(t)
	d := newDesk(t, address)
	src, err := Machine{Bus: address}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	src.every = time.Hour
	seen := make(chan []Session, 16)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		f := follower{changed: func(all []Session) { seen <- all }}
		ended <- f.watch(ctx, src)
	}()
	look := func(step string, holds func([]Session) bool) {
		t.Helper()
		deadline := time.After(30 * time.Second)
		for {
			select {
			case all := <-seen:
				if holds(all) {
					return
				}
			case <-deadline:
				t.Fatalf("%s was not seen", step)
			}
		}
	}
	one := func(holds func(Session) bool) func([]Session) bool {
		return func(all []Session) bool { return len(all) == 1 && holds(all[0]) }
	}
	look("nobody", func(all []Session) bool { return len(all) == 0 })
	d.put("2", seated("ada", 1000, nil))
	look("the login", one(func(s Session) bool { return s.User == "ada" && s.Active && !s.Locked }))
	d.put("2", seated("ada", 1000, map[string]any{"LockedHint": true}))
	look("the lock", one(func(s Session) bool { return s.Locked }))
	d.put("2", seated("ada", 1000, nil))
	look("the unlock", one(func(s Session) bool { return !s.Locked }))
	d.put("2", seated("ada", 1000, map[string]any{"Active": false, "State": "online"}))
	d.put("3", seated("bob", 1001, nil))
	look("the switch", func(all []Session) bool { return len(all) == 2 && !all[0].Active && all[1].Active })
	d.remove("2")
	d.remove("3")
	look("the logout", func(all []Session) bool { return len(all) == 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestABusThatDiesIsAskedAgain(t *testing.T) {
	address := daemon(t)
	d := newDesk(t, address)
	d.put("2", seated("ada", 1000, nil))
	src, err := Machine{Bus: address}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	src.bus.Close()
	f := follower{changed: func([]Session) {}}
	if err := f.watch(t.Context(), src); err == nil || !strings.Contains(err.Error(), "logind") {
		t.Errorf("a dead bus: %v", err)
	}
}

func TestAMuteBusIsGivenUp(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	mute, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (Machine{Bus: "unix:path=" + socket}).Sessions(ctx); err == nil {
		t.Error("a bus that says nothing was understood")
	}
}
