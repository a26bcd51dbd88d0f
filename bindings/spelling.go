package bindings

import (
	slashed "path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Spelling is a system's rules for what the text of a path means. Both systems' rules are known everywhere, so that
// they can be tried where they do not count; Native are those that do.
type Spelling int

// The spellings.
const (
	Unix Spelling = iota
	Windows
)

// maxPath is the longest path that any of our systems takes.
const maxPath = 32 << 10

// Trouble says why a path is not accepted, absolute or not; "" when it is. What is refused looks like another path
// than the one that the system would take it for: a grant is checked by its text.
func (s Spelling) Trouble(text string) string {
	switch {
	case text == "":
		return "it is empty"
	case len(text) > maxPath:
		return "it is too long"
	case strings.ContainsRune(text, 0):
		return "it holds a zero byte"
	}
	if s == Windows {
		if trouble := windowsTrouble(text); trouble != "" {
			return trouble
		}
	}
	if slices.Contains(s.elements(text), "..") {
		return `".." is not accepted`
	}
	return ""
}

// Clean gives an absolute path its one spelling, case apart; "" when it has trouble or is not absolute.
func (s Spelling) Clean(text string) string {
	switch {
	case s.Trouble(text) != "":
		return ""
	case s == Unix && strings.HasPrefix(text, "/"):
		return slashed.Clean(text)
	case s == Windows && hasDrive(text):
		return text[:2] + strings.ReplaceAll(slashed.Clean(strings.ReplaceAll(text[2:], `\`, "/")), "/", `\`)
	}
	return ""
}

// Within reports whether a path is a directory or lies below it, by spelling alone. Neither need be clean.
func (s Spelling) Within(dir, text string) bool {
	dir, text = s.fold(s.Clean(dir)), s.fold(s.Clean(text))
	if dir == "" || text == "" {
		return false
	}
	rest, below := strings.CutPrefix(text, dir)
	return below && (rest == "" || s.separator(rest[0]) || s.separator(dir[len(dir)-1]))
}

// fold gives names that the system takes for one and the same the same text. Where the rules of a file system are not
// sure to agree, names stay apart: a grant then covers less.
func (s Spelling) fold(text string) string {
	if s != Windows {
		return text
	}
	return strings.Map(func(r rune) rune {
		if upper := unicode.ToUpper(r); r <= 0xffff && upper <= 0xffff && unicode.ToLower(upper) == r {
			return upper
		}
		return r
	}, text)
}

func (s Spelling) elements(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r < 0x80 && s.separator(byte(r)) })
}

func (s Spelling) separator(c byte) bool { return c == '/' || s == Windows && c == '\\' }

// hasDrive reports whether a path is absolute on a drive.
func hasDrive(text string) bool {
	return len(text) > 2 && text[1] == ':' && isLetter(text[0]) && Windows.separator(text[2])
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// windowsTrouble finds the spellings that Windows takes for something else than they look like.
func windowsTrouble(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "it is not UTF-8"
	case Windows.separator(text[0]):
		return "network, device and driveless paths are not accepted"
	case hasDrive(text):
		text = text[3:]
	case len(text) > 1 && text[1] == ':' && isLetter(text[0]):
		return "a drive letter without a directory is not accepted"
	}
	for _, name := range Windows.elements(text) {
		if trouble := nameTrouble(name); trouble != "" && name != "." && name != ".." {
			return trouble
		}
	}
	return ""
}

func nameTrouble(name string) string {
	switch {
	case strings.Contains(name, ":"):
		return "a stream is not accepted"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || strings.ContainsRune(`<>"|?*`, r) }):
		return "a name holds what Windows accepts in none"
	case strings.TrimRight(name, ". ") != name:
		return "a name that ends in a dot or a space is not accepted"
	case isDevice(name):
		return "the name of a device is not accepted"
	case isShort(name):
		return "a short (8.3) name is not accepted: it may stand for another"
	}
	return ""
}

// isDevice reports whether Windows takes a name for a device, in whatever directory: also with an extension, and the
// numbers also as superscripts.
func isDevice(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	name = strings.ToUpper(strings.TrimRight(name, " "))
	switch name {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, isCom := strings.CutPrefix(name, "COM")
	if !isCom {
		port, isCom = strings.CutPrefix(name, "LPT")
	}
	return isCom && len([]rune(port)) == 1 && strings.Contains("0123456789¹²³", port)
}

// isShort reports whether a name looks like one that Windows made up for a longer one: PROGRA~1.
func isShort(name string) bool {
	base, ext, _ := strings.Cut(name, ".")
	stem, number, tilde := strings.Cut(base, "~")
	return tilde && stem != "" && number != "" && len(base) <= 8 && len(ext) <= 3 && strings.Trim(number, "0123456789") == ""
}
