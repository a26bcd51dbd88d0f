// Package sessiontest is a logind of a test's own, on a bus of the test's own, so that sessions can come and go where
// nobody logs in. It needs dbus-daemon. It serves tests only.
package sessiontest

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

const (
	name    = "org.freedesktop.login1"
	path    = "/org/freedesktop/login1"
	manager = name + ".Manager"
)

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=SOCKET</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// Bus starts a bus of the test's own, and gives its address.
func Bus(t testing.TB) string {
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

// Logind answers as the real one does, with what a test puts in.
type Logind struct {
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

// NewLogind takes logind's name on a bus.
func NewLogind(t testing.TB, address string) *Logind {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	d := &Logind{conn: conn, sessions: map[string]map[string]dbus.Variant{}}
	err = errors.Join(
		conn.Export(d, path, manager),
		conn.ExportSubtree(properties{d}, path+"/session", "org.freedesktop.DBus.Properties"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return d
}

// Put lists a session and tells of it as logind does.
func (d *Logind) Put(id string, p map[string]any) {
	values := map[string]dbus.Variant{}
	for name, v := range p {
		values[name] = dbus.MakeVariant(v)
	}
	d.mu.Lock()
	d.sessions[id] = values
	d.mu.Unlock()
	d.conn.Emit(path, manager+".SessionNew", id, dbus.ObjectPath(path+"/session/"+id))
}

// Remove ends a session, and tells of it.
func (d *Logind) Remove(id string) {
	d.mu.Lock()
	delete(d.sessions, id)
	d.mu.Unlock()
	d.conn.Emit(path, manager+".SessionRemoved", id, dbus.ObjectPath(path+"/session/"+id))
}

// ListSessions also lists one that has just ended.
func (d *Logind) ListSessions() ([]row, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rows := []row{{ID: "ended", UID: 1000, Path: path + "/session/ended"}}
	for id, p := range d.sessions {
		uid, _ := p["uid"].Value().(uint32)
		rows = append(rows, row{ID: id, UID: uid, Path: dbus.ObjectPath(path + "/session/" + id)})
	}
	return rows, nil
}

type properties struct{ d *Logind }

// GetAll answers for the session whose path was asked.
func (p properties) GetAll(msg dbus.Message, _ string) (map[string]dbus.Variant, *dbus.Error) {
	of, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	values, ok := p.d.sessions[filepath.Base(string(of))]
	if !ok {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", []any{"gone"})
	}
	return values, nil
}

// Seated is a desktop session, as logind tells of one.
func Seated(user string, uid uint32, changes map[string]any) map[string]any {
	p := map[string]any{
		"uid": uid, "Name": user, "Class": "user", "State": "active", "Type": "wayland", "TTY": "tty2", "Display": "",
		"Leader": uint32(4242), "Active": true, "Remote": false, "LockedHint": false, "Timestamp": uint64(1_790_000_000_000_001),
		"Seat": struct {
			ID   string
			Path dbus.ObjectPath
		}{"seat0", "/org/freedesktop/login1/seat/seat0"},
	}
	for key, v := range changes {
		p[key] = v
	}
	return p
}
