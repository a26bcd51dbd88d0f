package system

import (
	"bufio"
	"bytes"
	"strings"
)

// paragraphs calls f with the fields of each paragraph of a text: lines of "Name: value" up to an empty line. A line
// that begins with a blank goes on with the one before, and is left out. A long line is cut: no field that is read is.
func paragraphs(text []byte, separator string, f func(fields map[string]string)) {
	fields := map[string]string{}
	end := func() {
		if len(fields) > 0 {
			f(fields)
		}
		clear(fields)
	}
	lines := bufio.NewReader(bytes.NewReader(text))
	for {
		line, tooLong, err := lines.ReadLine()
		if err != nil {
			break
		}
		for rest := tooLong; rest && err == nil; {
			_, rest, err = lines.ReadLine()
		}
		if len(bytes.TrimSpace(line)) == 0 {
			end()
			continue
		}
		name, value, ok := strings.Cut(string(line), separator)
		if ok && line[0] != ' ' && line[0] != '\t' {
			fields[name] = strings.TrimSpace(value)
		}
	}
	end()
}

// parseDpkg lists the installed packages of a dpkg status file. A package of a foreign architecture has its name with
// it, as dpkg-query prints it.
func parseDpkg(text []byte) []installed {
	var all []installed
	paragraphs(text, ":", func(fields map[string]string) {
		state := strings.Fields(fields["Status"])
		if fields["Package"] == "" || len(state) != 3 || state[2] != "installed" {
			return
		}
		all = append(all, installed{Name: fields["Package"], Version: fields["Version"], Source: "dpkg"})
	})
	return all
}

// parseApk lists the packages of Alpine's database: one letter, a colon, the value.
func parseApk(text []byte) []installed {
	var all []installed
	paragraphs(text, ":", func(fields map[string]string) {
		if fields["P"] != "" {
			all = append(all, installed{Name: fields["P"], Version: fields["V"], Source: "apk"})
		}
	})
	return all
}

// rpmFormat makes rpm print one package a line, in the fields that parseRpm reads.
const rpmFormat = `%{NAME}\t%{VERSION}-%{RELEASE}\t%{VENDOR}\n`

// parseRpm lists the packages that rpm printed. The keys that packages are signed with are no software.
func parseRpm(text []byte) []installed {
	var all []installed
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) < 2 || fields[0] == "" || fields[0] == "gpg-pubkey" {
			continue
		}
		p := installed{Name: fields[0], Version: fields[1], Source: "rpm"}
		if len(fields) > 2 && fields[2] != "(none)" {
			p.Publisher = fields[2]
		}
		all = append(all, p)
	}
	return all
}
