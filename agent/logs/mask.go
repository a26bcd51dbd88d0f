package logs

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// masked stands in a line where a secret would have stood.
const masked = "***"

// secretParts make a key a secret's wherever they stand in it, with case and separators left out.
var secretParts = []string{
	"apikey", "authorization", "bearer", "cookie", "credential", "jwt", "passphrase", "passwd", "password",
	"presharedkey", "privatekey", "pwd", "secret", "token",
}

// weakEnds make a key a secret's only at its end: enrollment_code, signing_key, but not keyboard.
var weakEnds = []string{"code", "codes", "key", "keys", "otp", "pass", "pin", "psk", "pw"}

// plainEnds are well-known keys that end in a weak word and hide nothing.
var plainEnds = []string{
	"closecode", "errorcode", "exitcode", "httpcode", "keycode", "pubkey", "publickey", "reasoncode", "registrykey",
	"returncode", "statuscode",
}

// secretKey reports whether a key looks as if its value were a secret. It errs on the side of the mask.
func secretKey(key string) bool {
	key = squeeze(key)
	if slices.ContainsFunc(secretParts, func(p string) bool { return strings.Contains(key, p) }) {
		return true
	}
	return endsIn(key, weakEnds) && !endsIn(key, plainEnds)
}

// countable reports whether a number under this key is a count or a status rather than a secret.
func countable(key string) bool {
	return endsIn(squeeze(key), []string{"code", "codes", "key", "keys", "tokens"})
}

func endsIn(key string, ends []string) bool {
	return slices.ContainsFunc(ends, func(e string) bool { return strings.HasSuffix(key, e) })
}

// squeeze leaves lower-case letters and digits: "X-Api-Key", "apiKey" and "api_key" are one name.
func squeeze(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, key)
}

// shapes are secrets that show themselves, whatever key they come under. mark is a cheap test for whether the
// expression is worth running.
var shapes = []struct {
	mark string
	re   *regexp.Regexp
	with string
}{
	{"PRIVATE KEY", regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`), masked},
	{"eyJ", regexp.MustCompile(`\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?`), masked},
	{"earer ", regexp.MustCompile(`(?i)(bearer )[\w.~+/=-]{8,}`), "${1}" + masked},
	{"-", regexp.MustCompile(`\b([0-9A-Fa-f]{4}-){7}[0-9A-Fa-f]{4}\b`), masked}, // an enrollment code
	{"://", regexp.MustCompile(`://[^/\s@]+@`), "://" + masked + "@"},
}

// pairs are the two ways in which texts carry named values: key=value in a URL or a command, "key":"value" in JSON.
var pairs = []struct {
	mark string
	re   *regexp.Regexp
}{
	{"=", regexp.MustCompile(`([\w.-]+)(=)([^\s&"',;=]+)`)},
	{`":`, regexp.MustCompile(`"([\w.-]+)(":\s*")((?:[^"\\]|\\.)+)`)},
}

// mask hides the secrets that stand in the middle of a text.
func mask(text string) string {
	for _, s := range shapes {
		if strings.Contains(text, s.mark) {
			text = s.re.ReplaceAllString(text, s.with)
		}
	}
	for _, p := range pairs {
		if strings.Contains(text, p.mark) {
			text = maskPairs(p.re, text)
		}
	}
	return text
}

// maskPairs replaces the third group of re wherever its first is a secret's key.
func maskPairs(re *regexp.Regexp, text string) string {
	var out strings.Builder
	from := 0
	for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
		if secretKey(text[at[2]:at[3]]) {
			out.WriteString(text[from:at[6]])
			out.WriteString(masked)
			from = at[7]
		}
	}
	out.WriteString(text[from:])
	return out.String()
}

// maskTree hides the secrets in a decoded JSON value, by the names of its fields.
func maskTree(tree any) any {
	switch t := tree.(type) {
	case map[string]any:
		for k, v := range t {
			if secretKey(k) && hides(k, v) {
				t[k] = masked
			} else {
				t[k] = maskTree(v)
			}
		}
	case []any:
		for i, v := range t {
			t[i] = maskTree(v)
		}
	case string:
		return mask(t)
	}
	return tree
}

// hides reports whether the value of a secret's key can be a secret.
func hides(key string, v any) bool {
	switch v := v.(type) {
	case nil, bool:
		return false
	case json.Number:
		return !countable(key)
	case string:
		return v != ""
	}
	return true
}
