package system

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// session is somebody who is logged in.
type session struct {
	User     string     `lua:"user"`
	Terminal string     `lua:"terminal"`
	From     string     `lua:"from"`
	Since    *time.Time `lua:"since"`
	Active   bool       `lua:"active"`
}

// login is somebody who has logged in, and when.
type login struct {
	User string     `lua:"user"`
	At   *time.Time `lua:"at"`
}

// What one record in Linux's utmp and wtmp holds, and where, alike on every architecture.
const (
	utmpLogin   = 7 // a user's process
	utmpPID     = 4
	utmpLine    = 8
	utmpLineLen = 32
	utmpUser    = 44
	utmpUserLen = 32
	utmpHost    = 76
	utmpHostLen = 256
)

// utmpLayout is what differs: newer architectures keep a time in twice 64 bits.
type utmpLayout struct {
	size, seconds, micros int
	wide                  bool
}

func utmpOf(architecture string) utmpLayout {
	switch architecture {
	case "arm64", "riscv64", "loong64":
		return utmpLayout{size: 400, seconds: 344, micros: 352, wide: true}
	}
	return utmpLayout{size: 384, seconds: 340, micros: 344}
}

func (l utmpLayout) number(record []byte, at int) int64 {
	if l.wide {
		return int64(binary.NativeEndian.Uint64(record[at:]))
	}
	return int64(binary.NativeEndian.Uint32(record[at:])) // unsigned, so that it lasts until 2106
}

// parse gives the logins of a utmp or wtmp file, oldest first, with the process of each. What follows the last whole
// record is left.
func (l utmpLayout) parse(text []byte) (all []session, pids []int) {
	for record := range slices.Chunk(text[:len(text)/l.size*l.size], l.size) {
		user := field(record, utmpUser, utmpUserLen)
		if binary.NativeEndian.Uint16(record) != utmpLogin || user == "" {
			continue
		}
		since := time.Unix(l.number(record, l.seconds), l.number(record, l.micros)%1e6*1000)
		all = append(all, session{
			User: user, Terminal: field(record, utmpLine, utmpLineLen), From: field(record, utmpHost, utmpHostLen),
			Since: &since, Active: true,
		})
		pids = append(pids, int(binary.NativeEndian.Uint32(record[utmpPID:])))
	}
	return all, pids
}

// field is a text of fixed length, ended by a zero byte when it is shorter.
func field(record []byte, at, length int) string {
	text, _, _ := bytes.Cut(record[at:at+length], []byte{0})
	return strings.ToValidUTF8(string(text), "?")
}

// parseLogind reads one of logind's session files, NAME=value lines. It is false for what is no user's session: a
// login screen, or what a timer of the user runs.
func parseLogind(text string) (session, bool) {
	values := parseRelease(text)
	if values["CLASS"] != "user" || values["USER"] == "" || values["STATE"] == "closing" {
		return session{}, false
	}
	s := session{User: values["USER"], Terminal: values["TTY"], From: values["REMOTE_HOST"], Active: values["ACTIVE"] == "1"}
	if s.Terminal == "" {
		s.Terminal = values["DISPLAY"]
	}
	if since, err := time.ParseDuration(values["REALTIME"] + "us"); err == nil {
		at := time.Unix(0, 0).Add(since)
		s.Since = &at
	}
	return s, true
}
