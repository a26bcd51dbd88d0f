package session

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// record makes a record of utmp as glibc writes it.
func record(arch string, kind int16, pid int32, line, name, host string, at int64) []byte {
	seconds, width, size := utmpLayout(arch)
	r := make([]byte, size)
	binary.LittleEndian.PutUint16(r, uint16(kind))
	binary.LittleEndian.PutUint32(r[utmpPID:], uint32(pid))
	copy(r[utmpLine:40], line)
	copy(r[utmpUser:utmpHost], name)
	copy(r[utmpHost:332], host)
	if width == 8 {
		binary.LittleEndian.PutUint64(r[seconds:], uint64(at))
	} else {
		binary.LittleEndian.PutUint32(r[seconds:], uint32(at))
	}
	return r
}

func TestParseUtmp(t *testing.T) {
	const at = 1_790_000_000
	for _, arch := range []string{"amd64", "arm64"} {
		var text []byte
		for _, r := range []struct {
			kind             int16
			line, name, host string
		}{
			{2, "~", "reboot", ""},
			{userProcess, "tty1", "ada", ""},
			{userProcess, ":0", "bob", ":0"},
			{userProcess, "pts/0", "cyd", "192.0.2.7"},
			{userProcess, "pts/1", "bob", "(:0)"},
			{userProcess, "pts/2", "", ""},
			{8, "pts/3", "gone", ""},
		} {
			text = append(text, record(arch, r.kind, 42, r.line, r.name, r.host, at)...)
		}
		text = append(text, "half a record"...)
		want := []Session{
			{ID: "tty1", User: "ada", Type: "tty", TTY: "tty1", Seat: "seat0"},
			{ID: ":0", User: "bob", Type: "x11", TTY: ":0", Display: ":0", Seat: "seat0"},
			{ID: "pts/0", User: "cyd", Type: "tty", TTY: "pts/0", Remote: true},
			{ID: "pts/1", User: "bob", Type: "x11", TTY: "pts/1", Display: ":0", Seat: "seat0"},
		}
		got := parseUtmp(text, arch)
		if len(got) != len(want) {
			t.Fatalf("%s: %+v", arch, got)
		}
		for i, w := range want {
			w.Active, w.Leader, w.Since = true, 42, time.Unix(at, 0)
			if !equal(got[i], w) {
				t.Errorf("%s: got  %+v\nwant %+v", arch, got[i], w)
			}
		}
	}
}

// The layout is the system's own: its who reads the records of these tests.
func TestWhoReadsTheSameRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "utmp")
	text := record(runtime.GOARCH, userProcess, int32(os.Getpid()), "tty7", "ada", ":77", 1_790_000_000)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("who", path)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if said := strings.Join(strings.Fields(string(out)), " "); err != nil || said != "ada tty7 Sep 21 14:13 (:77)" {
		t.Errorf("who said %q, %v", said, err)
	}
}

func TestUtmpOfThisMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "utmp")
	if all, err := readUtmp(path); err != nil || all != nil {
		t.Errorf("without a file: %v, %v", all, err)
	}
	text := record(runtime.GOARCH, userProcess, int32(os.Getpid()), "pts/0", "nobody", "", 1)
	text = append(text, record(runtime.GOARCH, userProcess, int32(os.Getpid()), "tty1", "root", "", 1)...)
	text = append(text, record(runtime.GOARCH, userProcess, int32(os.Getpid()), "tty2", "no such user", "", 1)...)
	text = append(text, record(runtime.GOARCH, userProcess, 1<<30, "tty3", "nobody", "", 1)...) // its leader is dead
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	m := Machine{Bus: "unix:path=" + filepath.Join(t.TempDir(), "none"), Utmp: path}
	all, err := m.Sessions(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != "pts/0" || all[0].UID != 65534 {
		t.Errorf("%+v, %v", all, err)
	}
}

func FuzzParseUtmp(f *testing.F) {
	f.Add(record("amd64", userProcess, 1, "tty1", "ada", "(:0)", 1), true)
	f.Add(record("arm64", userProcess, -1, "pts/0", "\xff", strings.Repeat("x", 256), -1), false)
	f.Fuzz(func(t *testing.T, text []byte, amd bool) {
		arch := map[bool]string{true: "amd64", false: "arm64"}[amd]
		for _, s := range parseUtmp(text, arch) {
			if s.ID == "" || s.User == "" || len(s.User) > 3*32 {
				t.Errorf("%+v", s)
			}
		}
	})
}
