package http

import (
	"bytes"
	"fmt"
	"io"
	"math"
	nethttp "net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxJSON bounds what the option json may become.
const maxJSON = 10 << 20

// isOwn tells the headers that are made here, or belong to one connection: a role that set them could say one thing
// and send another, or ask a granted server's front for a host that is not granted.
func isOwn(header string) bool {
	switch header {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Te", "Trailer",
		"Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate":
		return true
	}
	return false
}

// check finds what can only be the author's mistake.
func (o *options) check() error {
	bodies := 0
	for _, given := range []bool{o.JSON != nil, o.Form != nil, o.Body != nil, o.BodyFile != nil} {
		if given {
			bodies++
		}
	}
	switch {
	case bodies > 1:
		return bindings.Misused("only one of the options json, form, body and body_file makes the body")
	case o.MaxBytes != nil && *o.MaxBytes < 0:
		return bindings.Misused("option max_bytes: %d is below 0", *o.MaxBytes)
	case o.MaxRedirects < 0:
		return bindings.Misused("option max_redirects: %d is below 0", o.MaxRedirects)
	}
	return nil
}

// build makes the request.
func (m *module) build(method, target string, opts *options) (*nethttp.Request, error) {
	if method = strings.ToUpper(method); !isToken(method) || method == "CONNECT" || method == "TRACE" {
		return nil, bindings.Misused("argument 1: %q is not a method to ask with", method)
	}
	header, err := headers(opts.Headers)
	if err != nil {
		return nil, err
	}
	u, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	if err := addQuery(u, opts.Query); err != nil {
		return nil, err
	}
	req := &nethttp.Request{Method: method, URL: u, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if user := u.User; user != nil {
		u.User = nil
		if header.Get("Authorization") == "" {
			password, _ := user.Password()
			req.SetBasicAuth(user.Username(), password)
		}
	}
	byDefault(header, "User-Agent", "Borealis-Agent/"+m.host.Place().Version)
	return req, addBody(req, opts)
}

func byDefault(h nethttp.Header, name, value string) {
	if _, set := h[name]; !set {
		h.Set(name, value)
	}
}

// parseTarget reads a url. The host must be spelt as it is looked up, since the grant is checked by that spelling.
func parseTarget(target string) (*url.URL, error) {
	u, err := url.Parse(escaped(target))
	switch {
	case err != nil:
		return nil, bindings.Fail("bad_url", "the url is malformed")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, bindings.Fail("bad_url", `the url does not begin with "https://" or "http://"`)
	case !plainHost(u.Hostname()):
		return nil, bindings.Fail("bad_url", "host %q of the url: letters, digits, dots and dashes expected", u.Hostname())
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// escaped spells what people write into urls as a request has to: spaces and other alphabets.
func escaped(target string) string {
	var out strings.Builder
	for i := range len(target) {
		if b := target[i]; b == ' ' || b >= 0x80 {
			fmt.Fprintf(&out, "%%%02X", b)
		} else {
			out.WriteByte(b)
		}
	}
	return out.String()
}

// plainHost reports whether a host is a name or an address in ASCII, which nothing on the way will spell otherwise.
func plainHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return !isLetterOrDigit(r) && !strings.ContainsRune("-._:", r)
	})
}

func isLetterOrDigit(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// isToken reports whether a word may stand where HTTP wants a method or a header's name.
func isToken(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !isLetterOrDigit(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// headers checks the option. A value that could end its line and begin another is never sent.
func headers(given map[string]string) (nethttp.Header, error) {
	out := nethttp.Header{}
	for name, value := range given {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		_, twice := out[canonical]
		switch {
		case !isToken(name):
			return nil, bindings.Misused("option headers: %q is not a header's name", name)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return nil, bindings.Misused("option headers: the value of %q holds a control character", name)
		case isOwn(canonical):
			return nil, bindings.Misused("option headers: %q is not a role's to set", name)
		case twice:
			return nil, bindings.Misused("option headers: %q is there in two spellings", name)
		}
		out[canonical] = []string{value}
	}
	return out, nil
}

func addQuery(u *url.URL, query map[string]any) error {
	values, err := pairs("query", query)
	if err != nil || len(values) == 0 {
		return err
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += values.Encode()
	return nil
}

// pairs makes a query or a form of a table; a list repeats its name.
func pairs(option string, table map[string]any) (url.Values, error) {
	out := url.Values{}
	for name, v := range table {
		list, many := v.([]any)
		if !many {
			list = []any{v}
		}
		for _, item := range list {
			text, ok := word(item)
			if !ok {
				return nil, bindings.Misused("option %s: string, number or boolean expected for %q, or a list of them", option, name)
			}
			out.Add(name, text)
		}
	}
	return out, nil
}

// word spells a plain value as Lua's tostring does.
func word(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10), true
		}
		return strconv.FormatFloat(v, 'g', 14, 64), true
	}
	return "", false
}

func addBody(req *nethttp.Request, opts *options) error {
	var text []byte
	switch {
	case opts.JSON != nil:
		encoded, err := bindings.JSON{MaxBytes: maxJSON}.Encode(opts.JSON)
		if err != nil {
			return err
		}
		text = encoded
		byDefault(req.Header, "Content-Type", "application/json")
	case opts.Form != nil:
		form, err := pairs("form", opts.Form)
		if err != nil {
			return err
		}
		text = []byte(form.Encode())
		byDefault(req.Header, "Content-Type", "application/x-www-form-urlencoded")
	case opts.Body != nil:
		text = opts.Body
	case opts.BodyFile != nil:
		return addFile(req, opts.BodyFile)
	default:
		return nil
	}
	if len(text) == 0 {
		req.Body = nethttp.NoBody
		return nil
	}
	req.ContentLength = int64(len(text))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	req.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// addFile streams a body. Its length is told when the file knows it, since many servers take no other body.
func addFile(req *nethttp.Request, file io.Reader) error {
	req.ContentLength = -1
	if f, ok := file.(interface{ Remaining() (int64, error) }); ok {
		n, err := f.Remaining()
		if err != nil {
			return err
		}
		req.ContentLength, file = n, io.LimitReader(file, n) // also when somebody still writes to it
	}
	req.Body = nethttp.NoBody
	if req.ContentLength != 0 {
		req.Body = &upload{Reader: file, done: make(chan struct{})}
	}
	return nil
}

// upload is a role's file on its way out. It does not close the file, and it tells when it
// has been read for the last time, which may be after the answer is there.
type upload struct {
	io.Reader
	once sync.Once
	done chan struct{}
}

// Close says that no more is read.
func (u *upload) Close() error {
	u.once.Do(func() { close(u.done) })
	return nil
}
