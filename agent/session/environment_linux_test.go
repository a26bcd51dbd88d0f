package session

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is a /proc of the test's own.
func machine(t *testing.T) (Machine, func(pid int, files map[string]string)) {
	t.Helper()
	dir := t.TempDir()
	return Machine{Proc: dir}, func(pid int, files map[string]string) {
		t.Helper()
		folder := filepath.Join(dir, fmt.Sprint(pid))
		err := os.MkdirAll(folder, 0o755)
		for name, text := range files {
			err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func status(uid, gid uint32, groups string) string {
	return fmt.Sprintf("Name:\tUid: 0\nUid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\nFDSize:\t64\nGroups:\t%s \n", uid, uid, uid, uid, gid, gid, gid, gid, groups)
}

func environ(vars ...string) string { return strings.Join(vars, "\x00") + "\x00" }

func scope(uid uint32, id string) string {
	return fmt.Sprintf("1:name=systemd:/user.slice/user-%d.slice/session-%s.scope\n0::/user.slice/user-%d.slice/session-%s.scope\n", uid, id, uid, id)
}

func TestTheEnvironmentIsThatOfTheSessionsOwnPrograms(t *testing.T) {
	const other = 70001
	uid := uint32(os.Getuid())
	run := t.TempDir()
	bus, err := net.Listen("unix", filepath.Join(run, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	m, process := machine(t)
	process(10, map[string]string{"status": status(uid, 100, ""), "cgroup": scope(uid, "7"), "environ": environ("XDG_RUNTIME_DIR=" + run)})
	process(11, map[string]string{ // the one that knows most
		"status": status(uid, 100, ""), "cgroup": "0::/user.slice/user-1.slice/user@1.service/app.slice\n",
		"environ": environ("XDG_SESSION_ID=7", "XDG_RUNTIME_DIR="+run, "DISPLAY=:0", "DISPLAY=:66", "LANG=pl_PL.UTF-8", "LD_PRELOAD=/tmp/x.so", "PATH=/tmp"),
	})
	process(12, map[string]string{ // another session's
		"status": status(uid, 100, ""), "cgroup": scope(uid, "77"),
		"environ": environ("XDG_SESSION_ID=77", "XDG_RUNTIME_DIR="+run, "DISPLAY=:5", "XAUTHORITY=/x", "WAYLAND_DISPLAY=w"),
	})
	process(13, map[string]string{ // another user's
		"status": status(other, 100, ""), "cgroup": scope(uid, "7"),
		"environ": environ("XDG_SESSION_ID=7", "DISPLAY=:6", "XAUTHORITY=/x", "WAYLAND_DISPLAY=w", "XDG_RUNTIME_DIR=/x"),
	})
	process(14, map[string]string{ // a program that has become the user only in part
		"status":  strings.Replace(status(uid, 100, ""), fmt.Sprintf("Uid:\t%d", uid), "Uid:\t70001", 1),
		"environ": environ("XDG_SESSION_ID=7", "DISPLAY=:6", "XAUTHORITY=/x", "WAYLAND_DISPLAY=w", "XDG_RUNTIME_DIR=/x"),
	})
	process(15, nil) // it has just ended
	got := m.Environment(Session{ID: "7", UID: uid, Type: "x11"})
	want := map[string]string{
		"DISPLAY": ":0", "LANG": "pl_PL.UTF-8", "XDG_RUNTIME_DIR": run, "XDG_SESSION_ID": "7",
		"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + filepath.Join(run, "bus"),
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWhatDoesNotHoldIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	uid := uint32(os.Getuid())
	cookie := filepath.Join(dir, "cookie")
	listener, err := net.Listen("unix", filepath.Join(dir, "wayland-1"))
	if err = errors.Join(err, os.WriteFile(cookie, nil, 0o600), os.Symlink(cookie, cookie+".link")); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, tc := range map[string]struct {
		uid    uint32
		name   string
		value  string
		accept bool
	}{
		"a cookie":                    {uid, "XAUTHORITY", cookie, true},
		"somebody else's cookie":      {uid + 1, "XAUTHORITY", cookie, false},
		"a link to a cookie":          {uid, "XAUTHORITY", cookie + ".link", false},
		"a cookie that is not there":  {uid, "XAUTHORITY", cookie + "s", false},
		"a cookie by half a path":     {uid, "XAUTHORITY", "cookie", false},
		"a display":                   {uid, "DISPLAY", "localhost:10.0", true},
		"no display":                  {uid, "DISPLAY", ":0; reboot", false},
		"a Wayland display":           {uid, "WAYLAND_DISPLAY", "wayland-1", true},
		"by its path":                 {uid, "WAYLAND_DISPLAY", filepath.Join(dir, "wayland-1"), true},
		"no Wayland display":          {uid, "WAYLAND_DISPLAY", "cookie", false},
		"a bus":                       {uid, "DBUS_SESSION_BUS_ADDRESS", "unix:path=" + filepath.Join(dir, "wayland-1") + ",guid=1", true},
		"a bus without an owner":      {uid, "DBUS_SESSION_BUS_ADDRESS", "unix:abstract=/tmp/x", true},
		"a bus on the network":        {uid, "DBUS_SESSION_BUS_ADDRESS", "tcp:host=192.0.2.1,port=1", false},
		"somebody else's runtime dir": {uid + 1, "XDG_RUNTIME_DIR", dir, false},
		"the runtime dir":             {uid, "XDG_RUNTIME_DIR", dir, true},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"XDG_RUNTIME_DIR": dir}
			env[tc.name] = tc.value
			judge{tc.uid, os.Lstat}.check(env, Session{ID: "7", UID: tc.uid})
			if accepted := env[tc.name] == tc.value; accepted != tc.accept {
				t.Errorf("%s is now %q", tc.name, env[tc.name])
			}
		})
	}
}

func TestLogin(t *testing.T) {
	const stranger = 70002 // whom no list of this machine knows
	m, process := machine(t)
	process(20, map[string]string{"status": status(stranger, 300, "300 301"), "cgroup": scope(stranger+1, "7")})
	if _, err := m.Login(Session{ID: "7", UID: stranger}); err == nil {
		t.Error("the groups came from a process of another session")
	}
	process(21, map[string]string{"status": status(stranger, 400, "400 401"), "cgroup": scope(stranger, "7")})
	l, err := m.Login(Session{ID: "7", UID: stranger, User: "guest", Display: ":0"})
	if err != nil || l.UID != stranger || l.GID != 400 || !slices.Equal(l.Groups, []uint32{400, 401}) || l.Home != "" {
		t.Errorf("a stranger: %+v, %v", l, err)
	}
	if want := []string{"DISPLAY=:0", "LOGNAME=guest", "PATH=/usr/local/bin:/usr/bin:/bin", "USER=guest"}; !slices.Equal(l.Env, want) {
		t.Errorf("environment %q", l.Env)
	}
	if l, err = m.Login(Session{UID: 65534, User: "nobody"}); err != nil || l.GID != 65534 || !slices.Equal(l.Groups, []uint32{65534}) || l.Home == "" {
		t.Errorf("nobody: %+v, %v", l, err)
	}
	if _, err = m.Login(Session{ID: "1", User: "nobody"}); !errors.Is(err, errRoot) {
		t.Errorf("root: %v", err)
	}
}

func TestPlaced(t *testing.T) {
	for _, tc := range []struct {
		kind string
		env  map[string]string
		want bool
	}{
		{"tty", nil, true},
		{"wayland", map[string]string{"LANG": "C"}, false},
		{"wayland", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, true},
		{"x11", map[string]string{"DISPLAY": ":0"}, true},
	} {
		if got := Placed(tc.env, Session{Type: tc.kind}); got != tc.want {
			t.Errorf("%s %v: %v", tc.kind, tc.env, got)
		}
	}
}

// This very process is in the machine's own /proc as what it is.
func TestTheMachinesOwnProc(t *testing.T) {
	found := false
	for p := range processes(procFS, uint32(os.Getuid())) {
		if p.pid == os.Getpid() {
			found = true
			text, err := p.read("environ")
			if err != nil || len(text) == 0 {
				t.Errorf("environment: %d bytes, %v", len(text), err)
			}
			if p.gid != uint32(os.Getgid()) {
				t.Errorf("group %d", p.gid)
			}
		}
	}
	if !found {
		t.Error("this process was not found")
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add(status(1000, 1000, "4 24"))
	f.Add("Uid:\t1\t1\t1\t0\nGid:\t1\nGroups:\t-1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := parseStatus(text); ok && (!strings.Contains(text, "Uid:") || !strings.Contains(text, "Groups:")) {
			t.Errorf("%q has an owner", text)
		}
	})
}

func FuzzParseEnviron(f *testing.F) {
	f.Add(environ("DISPLAY=:0", "LANG=C", "LD_PRELOAD=x", "=", "x"))
	f.Add("LC_\x00=\x00DISPLAY")
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range parseEnviron(text) {
			if !shared(name) || value == "" || strings.ContainsAny(name+value, "\x00") || strings.Contains(name, "=") {
				t.Errorf("%q = %q", name, value)
			}
		}
	})
}
