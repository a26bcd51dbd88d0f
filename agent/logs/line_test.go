package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
	"unicode"
	"unicode/utf8"
)

// body logs one record and returns its line without stamp and service.
func body(t *testing.T, msg string, args ...any) string {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, newClock("2026-02-03 10:11:12"), nil)
	l.Logger().Info(msg, args...)
	return strings.TrimSuffix(strings.TrimPrefix(read(t, dir, "agent.log"), "2026-02-03T10:11:12.000+01:00-agent-"), "\n")
}

type badString struct{}

func (badString) String() string { panic("no\nway") }

func TestBodies(t *testing.T) {
	var nilError *os.PathError
	for want, got := range map[string]string{
		`plain words, in a row.`:                       body(t, "plain words, in a row."),
		`"a=b" c="d e"`:                                body(t, "a=b", "c", "d e"),
		`"" empty=""`:                                  body(t, "", "empty", ""),
		`"two\nlines" x="\x1b[2J\ufeff\u202e"`:         body(t, "two\nlines", "x", "\x1b[2J\ufeff\u202e"),
		`Zażółć gęślą jaźń who=Łódź`:                   body(t, "Zażółć gęślą jaźń", "who", "Łódź"),
		`bytes raw="\xff\x00"`:                         body(t, "bytes", "raw", "\xff\x00"),
		`group http.status=200 http.tls.v=1.3`:         body(t, "group", slog.Group("http", "status", 200, slog.Group("tls", "v", "1.3"))),
		`struct v="{\"a\":1,\"b\":[true,null]}"`:       body(t, "struct", "v", map[string]any{"a": 1, "b": []any{true, nil}}),
		`at t=2026-02-03T00:00:00.000+00:00`:           body(t, "at", "t", time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)),
		`odd "bad key"=1 "k\n"=2`:                      body(t, "odd", "bad key", 1, "k\n", 2),
		`broken v="!panic in logs.badString: no\nway"`: body(t, "broken", "v", badString{}),
		`unsaid v="!chan int"`:                         body(t, "unsaid", "v", make(chan int)),
		`nothing v=nil`:                                body(t, "nothing", "v", nil),
	} {
		if got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
	if got := body(t, "typed nil", "err", nilError); !strings.Contains(got, "!panic in *fs.PathError") {
		t.Errorf("got %s", got)
	}
}

func TestLongRecordsAreCutAndSaySo(t *testing.T) {
	got := body(t, "long", "v", strings.Repeat("ż", maxText))
	if len(got) > maxText+100 || !strings.Contains(got, "bytes more)") || !utf8.ValidString(got) {
		t.Errorf("%d bytes, ends %q", len(got), got[len(got)-40:])
	}
	var many []any
	for i := range 100 {
		many = append(many, "k"+strconv.Itoa(i), strings.Repeat("x", 4096))
	}
	if got := body(t, "many", many...); len(got) > maxLine+100 || !strings.HasSuffix(got, "bytes more)") {
		t.Errorf("%d bytes, ends %q", len(got), got[len(got)-40:])
	}
}

// harmless fails unless line is one line of visible characters.
func harmless(t *testing.T, line string) {
	t.Helper()
	rest, ok := strings.CutSuffix(line, "\n")
	if !ok || !utf8.ValidString(rest) {
		t.Fatalf("not one valid line: %q", line)
	}
	for _, r := range rest {
		if !unicode.IsPrint(r) {
			t.Fatalf("%U survives in %q", r, line)
		}
	}
}

func FuzzLineIsOneHarmlessLine(f *testing.F) {
	f.Add("plain", "key", "value")
	f.Add("x\n2026-02-03T10:11:12.000+01:00-agent-forged level=ERROR", "a=b c", "\x1b]0;title\x07")
	f.Add("\ufeff\u202ertl\u2066", "\u2028", "\u2029\u0085\x00\xff")
	f.Add(strings.Repeat("\xf0\x9f", 9000), "code=1", "-----BEGIN PRIVATE KEY-----\n")
	var echo bytes.Buffer
	l, err := Open(Config{Dir: f.TempDir(), Echo: &echo})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = l.Close() })
	f.Fuzz(func(t *testing.T, msg, key, value string) {
		echo.Reset()
		l.Logger().With(key, value).WithGroup(key).Info(msg, key, value, "err", errors.New(value), "v", []string{value})
		harmless(t, echo.String())
	})
}

// A message that is shown bare cannot be taken for fields, so a line reads back as what was logged.
func TestLinesReadBack(t *testing.T) {
	const msg, value = `all "well" level=ERROR`, `x y=z "q" \`
	got := body(t, msg, "k", value, "n", 7)
	read, fields := parse(t, got)
	if read != msg || fields["k"] != value || fields["n"] != "7" {
		t.Errorf("%s\nreads as %q %q", got, read, fields)
	}
}

// parse is the reader that the format allows: message, then key=value.
func parse(t *testing.T, body string) (string, map[string]string) {
	t.Helper()
	fields := map[string]string{}
	var words []string
	for body != "" {
		word, rest := token(t, body)
		if value, ok := strings.CutPrefix(rest, "="); ok {
			fields[word], rest = token(t, value)
		} else {
			words = append(words, word)
		}
		body = strings.TrimPrefix(rest, " ")
	}
	return strings.Join(words, " "), fields
}

func token(t *testing.T, s string) (string, string) {
	t.Helper()
	if quoted, err := strconv.QuotedPrefix(s); err == nil {
		text, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		return text, s[len(quoted):]
	}
	if end := strings.IndexAny(s, " ="); end >= 0 {
		return s[:end], s[end:]
	}
	return s, ""
}

func TestHandlerKeepsSlogsContract(t *testing.T) {
	var dir string
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		dir = t.TempDir()
		return open(t, dir, newClock("2026-02-03 10:11:12"), nil).Logger().Handler()
	}, func(t *testing.T) map[string]any {
		line := strings.TrimSuffix(read(t, dir, "agent.log"), "\n")
		msg, fields := parse(t, line[len(stampLayout)+len("-agent-"):])
		out := map[string]any{slog.MessageKey: msg, slog.LevelKey: "INFO"}
		if !strings.HasSuffix(t.Name(), "zero-time") { // every line of ours is stamped when it is written
			out[slog.TimeKey] = line[:len(stampLayout)]
		}
		for k, v := range fields {
			nest(out, strings.Split(k, "."), v)
		}
		return out
	})
}

func nest(m map[string]any, path []string, v string) {
	for ; len(path) > 1; path = path[1:] {
		inner, ok := m[path[0]].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[path[0]] = inner
		}
		m = inner
	}
	m[path[0]] = v
}

const canary = "c4n4ry-5ecret-0f-0urs"

type credentials struct {
	User     string
	Password string `json:"password"`
	Nested   map[string]string
}

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("refresh_token", canary)) }

func TestSecretsAreMasked(t *testing.T) {
	const code = "0F3A-77C2-0F3A-77C2-0F3A-77C2-0F3A-77C2"
	const jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI2RjFCMkMzRCJ9.c2lnbmF0dXJl"
	leaks := map[string][]any{
		"keys": {
			"token", canary, "access_token", canary, "refreshToken", canary, "enrollment_code", canary, "installer-code", canary,
			"password", canary, "PASSWORD", canary, "Authorization", "Bearer " + canary, "X-Api-Key", canary, "key", canary,
			"code", canary, "client_secret", canary, "set-cookie", canary, "passphrase", canary, "preshared_key", canary,
		},
		"bytes":        {"token", []byte(canary), "key", json.RawMessage(`"` + canary + `"`)},
		"groups":       {slog.Group("credentials", "user", canary), slog.Group("http", "authorization", canary)},
		"struct":       {"login", credentials{User: "x", Password: canary}, "p", &credentials{Nested: map[string]string{"apiKey": canary}}},
		"headers":      {"headers", map[string][]string{"Authorization": {"Bearer " + canary}, "Accept": {"*/*"}}},
		"valuer":       {"v", valuer{}},
		"url":          {"url", "https://engine/x?a=1&token=" + canary + "&b=2", "u", "https://me:" + canary + "@host/"},
		"json text":    {"body", `{"enrollment_code": "` + canary + `", "ok": true}`},
		"error":        {"err", fmt.Errorf("post: password=%s refused", canary)},
		"bearer":       {"header", "bearer " + canary},
		"pem":          {"v", "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----\n"},
		"cut pem":      {"v", "-----BEGIN OPENSSH PRIVATE KEY-----\n" + canary},
		"number":       {"password", 123456789, "pin", 123456789},
		"jwt in texts": {"why", "the engine said " + jwt},
		"code in text": {"why", "no such code: " + code, "guid", "6F1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"},
	}
	for name, args := range leaks {
		t.Run(name, func(t *testing.T) {
			dir, echo := t.TempDir(), new(bytes.Buffer)
			l := open(t, dir, newClock("2026-02-03 10:11:12"), echo)
			l.Logger().Error("x", args...)
			l.Service("rdp").With(args...).WithGroup("g").Info("x", args...)
			all := echo.String()
			for _, f := range []string{"agent.log", "agent.error.log", "rdp.log"} {
				all += read(t, dir, f)
			}
			for _, secret := range []string{canary, "123456789", jwt, code} {
				if strings.Contains(all, secret) {
					t.Errorf("%q is in the log:\n%s", secret, all)
				}
			}
			if name == "code in text" && !strings.Contains(all, "guid=6F1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9") {
				t.Errorf("a GUID is masked:\n%s", all)
			}
			if !strings.Contains(all, masked) {
				t.Errorf("nothing is masked:\n%s", all)
			}
		})
	}
	if got := body(t, "url is https://x/?token="+canary); strings.Contains(got, canary) {
		t.Errorf("in a message: %s", got)
	}
}

func TestWhatIsNoSecretIsShown(t *testing.T) {
	got := body(t, "x", "exit_code", 1, "code", 403, "status_code", "404", "public_key", "abc", "has_token", true,
		"token_age", time.Minute, "path", "/var/lib", "tokens", 3, "token", "", "url", "https://h/?page=2", "keyboard", "us",
		"v", map[string]any{"code": 7, "token": nil, "host": "h"})
	const want = `x exit_code=1 code=403 status_code=404 public_key=abc has_token=true token_age=1m0s path=/var/lib tokens=3` +
		` token="" url="https://h/?page=2" keyboard=us v="{\"code\":7,\"host\":\"h\",\"token\":null}"`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
