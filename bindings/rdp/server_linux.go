package rdp

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// look finds xrdp, else GNOME's server, by the files of their packages.
func (m *module) look() (state, error) {
	text, err := os.ReadFile(filepath.Join(m.root, "etc/xrdp/xrdp.ini"))
	switch {
	case err == nil:
		s := listens(string(text))
		s.Server, s.Start = "xrdp", m.start("xrdp.service")
		return s, nil
	case !errors.Is(err, fs.ErrNotExist):
		return state{}, err
	}
	for _, daemon := range []string{"usr/libexec/gnome-remote-desktop-daemon", "usr/lib/gnome-remote-desktop/gnome-remote-desktop-daemon"} {
		if _, err := os.Stat(filepath.Join(m.root, daemon)); err == nil {
			return state{Server: "gnome-remote-desktop", Port: defaultPort, Start: m.start("gnome-remote-desktop.service")}, nil
		}
	}
	return state{}, nil
}

// defaultPort is the one that clients expect.
const defaultPort = 3389

// listens reads where xrdp listens: a number, or places such as tcp://127.0.0.1:3389 of which the first counts.
func listens(ini string) state {
	s := state{Port: defaultPort}
	for line := range strings.Lines(ini) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && !strings.EqualFold(line, "[Globals]") {
			break
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "port") {
			continue
		}
		place, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		if rest, ok := strings.CutPrefix(place, "tcp://"); ok {
			if host, port, err := net.SplitHostPort(rest); err == nil {
				if host == "." { // xrdp's own word for it
					host = "127.0.0.1"
				}
				s.Address, place = host, port
			}
		}
		if port, err := strconv.Atoi(place); err == nil && port > 0 && port < 1<<16 {
			s.Port = port
		}
		break
	}
	return s
}

// start says whether systemd starts a unit; "" where it does not say.
func (m *module) start(unit string) string {
	if _, err := os.Stat(filepath.Join(m.root, "run/systemd/system")); err != nil {
		return ""
	}
	links, _ := filepath.Glob(filepath.Join(m.root, "etc/systemd/system/*.wants", unit)) // only a malformed pattern fails
	if len(links) > 0 {
		return "automatic"
	}
	return "manual"
}

// apply changes nothing here: the server of a Linux machine is its administrator's.
func (m *module) apply(context.Context, changes) error { return bindings.ErrUnsupported }
