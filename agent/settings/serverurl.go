package settings

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ErrNoServerURL says that nobody told the agent where its Engine is. There is no default.
var ErrNoServerURL = errors.New("no Engine is named: put its URL into server_url.txt or BOREALIS_SERVER_URL")

const serverURLFile = "server_url.txt"

// ServerURL is the Engine's URL: BOREALIS_SERVER_URL, else server_url.txt, else the file's older place, from which it
// is copied. It is normalized by ParseServerURL.
func (t *Tree) ServerURL() (string, error) {
	if text := t.getenv("BOREALIS_SERVER_URL"); strings.TrimSpace(text) != "" {
		return ParseServerURL(text)
	}
	text, err := readText(t.file(serverURLFile))
	if err != nil {
		return "", fmt.Errorf("server URL: %w", err)
	}
	if text != "" {
		return ParseServerURL(text)
	}
	text, err = readText(t.legacy(serverURLFile))
	if err != nil {
		return "", fmt.Errorf("server URL: %w", err)
	}
	if text == "" {
		return "", ErrNoServerURL
	}
	u, err := ParseServerURL(text)
	if err != nil {
		return "", err
	}
	return u, t.SetServerURL(u)
}

// SetServerURL writes server_url.txt.
func (t *Tree) SetServerURL(text string) error {
	u, err := ParseServerURL(text)
	if err != nil {
		return err
	}
	return writeFile(t.file(serverURLFile), []byte(u+"\n"))
}

// ParseServerURL normalizes the URL of an Engine: byte order mark, blanks and trailing slashes go; a missing scheme
// is https, never http as upstream has it; ws and wss become http and https. Credentials, a query or a fragment are
// refused. Whether plain http is allowed is not decided here.
func ParseServerURL(text string) (string, error) {
	text = trimText(text)
	if text == "" {
		return "", ErrNoServerURL
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("server URL: %w", withoutURL(err))
	}
	switch u.Scheme = strings.ToLower(u.Scheme); u.Scheme {
	case "https", "http":
	case "wss":
		u.Scheme = "https"
	case "ws":
		u.Scheme = "http"
	default:
		return "", fmt.Errorf("server URL: scheme %q: want https", u.Scheme)
	}
	switch {
	case u.Hostname() == "" || strings.ContainsAny(u.Host, " \t"):
		return "", fmt.Errorf("server URL %q: no host", u.Redacted())
	case u.User != nil:
		return "", fmt.Errorf("server URL %q: credentials do not belong here", u.Redacted())
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("server URL for %q: a query or fragment does not belong here", u.Host)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// withoutURL drops the URL from url.Parse's error, since it may hold a password.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
