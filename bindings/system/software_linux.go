package system

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// databases are those of Linux: the distribution's, and what Flatpak and Snap keep beside it.
func (m machine) databases() []database {
	return []database{
		{[]string{"var/lib/dpkg/status", "var/lib/dpkg/status.d"}, m.dpkg},
		{[]string{"lib/apk/db/installed", "usr/lib/apk/db/installed"}, m.apk},
		{[]string{"var/lib/rpm/*", "usr/lib/sysimage/rpm/*"}, m.rpm},
		{[]string{"var/lib/flatpak/app", "var/lib/flatpak/app/*/current", "home/*/.local/share/flatpak/app"}, m.flatpak},
		{[]string{"var/lib/snapd/snaps"}, m.snap},
	}
}

func (m machine) stampMore(io.Writer) {}

func (m machine) dpkg(context.Context) ([]installed, error) {
	return m.parsed(parseDpkg, append([]string{m.path("var/lib/dpkg/status")}, m.glob("var/lib/dpkg/status.d/*")...)...)
}

func (m machine) apk(context.Context) ([]installed, error) {
	return m.parsed(parseApk, m.path("lib/apk/db/installed"), m.path("usr/lib/apk/db/installed"))
}

// parsed reads the files that are there.
func (m machine) parsed(parse func(io.Reader) ([]installed, error), files ...string) ([]installed, error) {
	var all []installed
	for _, file := range files {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("installed packages: %w", err)
		}
		list, err := parse(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("installed packages: %w", err)
		}
		all = append(all, list...)
	}
	return all, nil
}

// rpm asks rpm itself: its database is one of three formats, of which the newest is SQLite, and a reader for it would
// be the largest part of the agent. A machine without a database, as Debian with rpm installed is, starts nothing.
func (m machine) rpm(ctx context.Context) ([]installed, error) {
	where := m.rpmDatabase()
	if where == "" {
		return nil, nil
	}
	text, err := m.run(ctx, "/usr/bin/rpm", "--root", m.root, "--dbpath", where, "-qa", "--qf", rpmFormat)
	if err != nil {
		return nil, fmt.Errorf("installed packages: %w", err)
	}
	return parseRpm(text), nil
}

// rpmDatabase is the directory of rpm's database; "" where there is none.
func (m machine) rpmDatabase() string {
	for _, dir := range []string{"/usr/lib/sysimage/rpm", "/var/lib/rpm"} {
		for _, name := range []string{"rpmdb.sqlite", "Packages.db", "Packages"} {
			if m.exists(dir, name) {
				return dir
			}
		}
	}
	return ""
}

// flatpak reads what each application says of itself. Those of users count too.
func (m machine) flatpak(context.Context) ([]installed, error) {
	var all []installed
	for _, pattern := range []string{"var/lib/flatpak/app/*", "home/*/.local/share/flatpak/app/*"} {
		for _, dir := range m.glob(pattern) {
			id := filepath.Base(dir)
			name := filepath.Join(dir, "current", "active", "files", "share", "metainfo", id)
			version := ""
			for _, suffix := range []string{".metainfo.xml", ".appdata.xml"} {
				if text, err := os.ReadFile(name + suffix); err == nil && version == "" {
					version = newestRelease(text)
				}
			}
			all = append(all, installed{Name: id, Version: version, Source: "flatpak"})
		}
	}
	return all, nil
}

// newestRelease is the first release of an application's own description; "" when it names none.
func newestRelease(text []byte) string {
	var component struct {
		Releases []struct {
			Version string `xml:"version,attr"`
		} `xml:"releases>release"`
	}
	if xml.Unmarshal(text, &component) != nil || len(component.Releases) == 0 {
		return ""
	}
	return component.Releases[0].Version
}

// snap reads the version of each snap's current revision from its own description. Where snaps are found differs between
// distributions; where both places are, they are one, and tidy leaves out the second.
func (m machine) snap(context.Context) ([]installed, error) {
	var all []installed
	for _, link := range append(m.glob("snap/*/current"), m.glob("var/lib/snapd/snap/*/current")...) {
		name := filepath.Base(filepath.Dir(link))
		s := installed{Name: name, Source: "snap"}
		if text, err := os.ReadFile(filepath.Join(link, "meta", "snap.yaml")); err == nil {
			s.Version = yamlField(string(text), "version")
		}
		all = append(all, s)
	}
	return all, nil
}

// yamlField is a plain value at the top level of a YAML text.
func yamlField(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return unquote(strings.TrimSpace(value))
		}
	}
	return ""
}
