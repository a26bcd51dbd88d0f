package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What stands where in a record of utmp, as glibc has it: the first fields are the same everywhere.
const (
	utmpPID   = 4
	utmpLine  = 8
	utmpUser  = 44
	utmpHost  = 76
	utmpAfter = 336 // exit status before it, the session's number and the time after it

	userProcess = 7
	utmpMost    = 1 << 20 // bytes read: some 2,700 records
)

// utmpLayout is where the time stands, how wide its seconds are, and how long a record is.
func utmpLayout(arch string) (seconds, width, size int) {
	if arch == "arm64" {
		return utmpAfter + 8, 8, 400
	}
	return utmpAfter + 4, 4, 384
}

// readUtmp lists the sessions in a utmp file; none when it is not there. utmp does not say which session a screen
// shows: each counts as seen.
func readUtmp(path string) ([]Session, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, utmpMost))
	if err != nil {
		return nil, fmt.Errorf("utmp: %w", err)
	}
	var all []Session
	for _, s := range parseUtmp(text, runtime.GOARCH) {
		if owned(&s) && alive(s.Leader) {
			all = append(all, s)
		}
	}
	return all, nil
}

// owned finds the number behind a user's name; root has no session here.
func owned(s *Session) bool {
	u, err := user.Lookup(s.User)
	if err != nil {
		return false
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	s.UID = uint32(uid)
	return err == nil && uid != 0
}

// alive tells a login from the record of one that nobody took down.
func alive(leader int) bool { return leader <= 0 || !errors.Is(unix.Kill(leader, 0), unix.ESRCH) }

// parseUtmp reads records and leaves out those that are no login. Bytes after the last whole record are dropped.
func parseUtmp(text []byte, arch string) []Session {
	at, width, size := utmpLayout(arch)
	var all []Session
	for ; len(text) >= size; text = text[size:] {
		if int16(binary.LittleEndian.Uint16(text)) != userProcess {
			continue
		}
		s := Session{
			User: chars(text[utmpUser:utmpHost]), TTY: chars(text[utmpLine:40]), Active: true,
			Leader: int(int32(binary.LittleEndian.Uint32(text[utmpPID:]))),
		}
		if s.ID = s.TTY; s.User == "" || s.ID == "" {
			continue
		}
		place(&s, chars(text[utmpHost:332]))
		s.Since = time.Unix(int64(binary.LittleEndian.Uint32(text[at:])), 0)
		if width == 8 {
			s.Since = time.Unix(int64(binary.LittleEndian.Uint64(text[at:])), 0)
		}
		all = append(all, s)
	}
	return all
}

// place says where a session is from its terminal and the host that it came from, which is ":0" for a screen.
func place(s *Session, host string) {
	s.Type = "tty"
	host = strings.Trim(host, "()")
	for _, display := range []string{s.TTY, host} {
		if strings.HasPrefix(display, ":") {
			s.Type, s.Display = "x11", display
		}
	}
	s.Remote = host != "" && host != s.Display
	if s.Display != "" || strings.HasPrefix(s.TTY, "tty") {
		s.Seat = "seat0"
	}
}

// chars is the text of a field that is padded with zeros.
func chars(field []byte) string {
	text, _, _ := bytes.Cut(field, []byte{0})
	return strings.ToValidUTF8(string(text), "?")
}
