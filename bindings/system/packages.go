package system

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// paragraphs calls f with the wanted fields of each paragraph of a text: lines of "Name: value" up to an empty line. A
// line that begins with a blank goes on with the one before, and is left out. A long line is cut: no field that is
// wanted is. The text streams by, since nothing else of it is kept.
func paragraphs(text io.Reader, wanted []string, f func(fields map[string]string)) error {
	fields := map[string]string{}
	end := func() {
		if len(fields) > 0 {
			f(fields)
		}
		clear(fields)
	}
	lines := bufio.NewReader(text)
	for {
		line, tooLong, err := lines.ReadLine()
		if err == io.EOF {
			end()
			return nil
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			end()
		}
		for _, name := range wanted {
			if value, ok := bytes.CutPrefix(line, []byte(name)); ok && bytes.HasPrefix(value, []byte(":")) {
				fields[name] = string(bytes.TrimSpace(value[1:]))
			}
		}
		for tooLong && err == nil {
			_, tooLong, err = lines.ReadLine()
		}
	}
}

// parseDpkg lists the installed packages of a dpkg status file.
func parseDpkg(text io.Reader) ([]installed, error) {
	var all []installed
	err := paragraphs(text, []string{"Package", "Status", "Version"}, func(fields map[string]string) {
		if state := strings.Fields(fields["Status"]); fields["Package"] != "" && len(state) == 3 && state[2] == "installed" {
			all = append(all, installed{Name: fields["Package"], Version: fields["Version"], Source: "dpkg"})
		}
	})
	return all, err
}

// parseApk lists the packages of Alpine's database: one letter, a colon, the value.
func parseApk(text io.Reader) ([]installed, error) {
	var all []installed
	err := paragraphs(text, []string{"P", "V"}, func(fields map[string]string) {
		if fields["P"] != "" {
			all = append(all, installed{Name: fields["P"], Version: fields["V"], Source: "apk"})
		}
	})
	return all, err
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
