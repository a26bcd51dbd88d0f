package process

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// language is how one type of script is run.
type language struct {
	extension string
	// interpreter finds the program that reads the script.
	interpreter func(*module) (string, error)
	// before are the interpreter's arguments in front of the script's path.
	before []string
	// text makes the script's bytes what the interpreter expects.
	text func([]byte) []byte
}

func findLanguage(name string) (language, error) {
	all := languages()
	if l, ok := all[name]; ok {
		return l, nil
	}
	known := strings.Join(slices.Sorted(maps.Keys(all)), ", ")
	return language{}, bindings.Fail("unsupported", "script type %q: not known on this system, which runs %s", name, known)
}

const utf8Mark = "\xef\xbb\xbf"

// shellText takes off what no shell understands: a byte order mark, and carriage returns at the ends of lines.
func shellText(script []byte) []byte {
	return bytes.ReplaceAll(bytes.TrimPrefix(script, []byte(utf8Mark)), []byte("\r\n"), []byte("\n"))
}

// verbatim is for interpreters that read every line end and mark.
func verbatim(script []byte) []byte { return script }

// markedText puts a byte order mark in front, without which Windows PowerShell reads the machine's old code page.
func markedText(script []byte) []byte {
	marked := false
	for _, mark := range []string{utf8Mark, "\xff\xfe", "\xfe\xff"} {
		marked = marked || bytes.HasPrefix(script, []byte(mark))
	}
	if marked || !utf8.Valid(script) {
		return script
	}
	return append([]byte(utf8Mark), script...)
}

// batchText ends lines as cmd.exe wants them, and tells it when the text is UTF-8.
func batchText(script []byte) []byte {
	script = bytes.ReplaceAll(shellText(script), []byte("\n"), []byte("\r\n"))
	ascii := !slices.ContainsFunc(script, func(b byte) bool { return b >= utf8.RuneSelf })
	if ascii || !utf8.Valid(script) {
		return script
	}
	return append([]byte("@chcp 65001 >nul\r\n"), script...)
}

// powershellArguments keep a profile, a question or a policy from standing between the job and its script.
func powershellArguments() []string {
	return []string{"-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File"}
}
