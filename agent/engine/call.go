package engine

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const (
	callTimeout    = 30 * time.Second
	refreshTimeout = 20 * time.Second
	maxAnswer      = 16 << 20
	maxFailure     = 64 << 10

	defaultPause = 30 * time.Second // of a 429 that names no time
	maxPause     = time.Hour        // past this a Retry-After is no pause but a mistake
)

// StatusError is an answer of the Engine that is not a success.
type StatusError struct {
	Path       string
	Status     int
	Word       string // the Engine's word for it, "" when the answer was not the Engine's JSON
	Detail     string
	RetryAfter time.Duration // the pause that the Engine asks for, 0 for none
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("post %q: HTTP %d", e.Path, e.Status)
	if e.Word != "" {
		text += fmt.Sprintf(" %q", e.Word)
	}
	if e.Detail != "" {
		text += fmt.Sprintf(": %q", e.Detail)
	}
	return text
}

// is says whether err is an answer with this status and one of these words, or any word when none is given.
func is(err error, status int, words ...string) bool {
	var e *StatusError
	if !errors.As(err, &e) || e.Status != status {
		return false
	}
	for _, w := range words {
		if e.Word == w {
			return true
		}
	}
	return len(words) == 0
}

// posting is one POST as it goes out.
type posting struct {
	path    string
	body    []byte
	token   string // "" for calls without device authentication
	core    bool   // made by the agent itself, not for a role
	timeout time.Duration
}

// do makes one call and decodes a 2xx answer into out, unless that is nil. A pause that the Engine asked for earlier
// is kept first.
func (c *Client) do(ctx context.Context, p posting, out any) (*tls.ConnectionState, error) {
	if err := c.pause(ctx, p.path); err != nil {
		return nil, err
	}
	if err := c.spend(ctx, p); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.timeout, callTimeout))
	defer cancel()
	request, err := c.request(ctx, p)
	if err != nil {
		return nil, err
	}
	sent := c.cfg.Now()
	answer, err := c.door.http().Do(request)
	if err != nil {
		return nil, fmt.Errorf("post %q: %w: %w", p.path, unreachable(err), withoutURL(err))
	}
	defer answer.Body.Close()
	c.clock.read(answer.Header.Get("Date"), sent, c.cfg.Now())
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, c.refusal(p.path, answer)
	}
	if err := decodeAnswer(answer.Body, out); err != nil {
		return nil, fmt.Errorf("post %q: %w", p.path, err)
	}
	return answer.TLS, nil
}

func (c *Client) request(ctx context.Context, p posting) (*http.Request, error) {
	at, err := c.resolve(p.path)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(p.body))
	if err != nil {
		return nil, err
	}
	request.Header = c.header(p.token)
	request.Header.Set("Content-Type", "application/json")
	// Not sent, but lets the transport repeat a call that ran into a connection which the Engine had just closed.
	request.Header["Idempotency-Key"] = nil
	return request, nil
}

// header is what every request to the Engine carries, the socket's too.
func (c *Client) header(token string) http.Header {
	h := http.Header{}
	h.Set("User-Agent", "Borealis-Agent/"+c.cfg.Version)
	h.Set("X-Borealis-Agent-Context", c.cfg.Label)
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return h
}

// resolve makes the address of a path, which may have a query but can neither name another host nor leave the
// interface.
func (c *Client) resolve(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Fragment != "" ||
		!strings.HasPrefix(u.Path, "/api/") || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") {
		return "", fmt.Errorf("path %q: %w", text, ErrPath)
	}
	at := *c.base
	at.Path = strings.TrimSuffix(c.base.Path, "/") + u.Path
	at.RawQuery = u.RawQuery
	return at.String(), nil
}

func decodeAnswer(body io.Reader, out any) error {
	data, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%w: the answer broke off: %w", ErrUnreachable, err)
	}
	if len(data) > maxAnswer {
		return fmt.Errorf("%w: larger than %d bytes", ErrAnswer, maxAnswer)
	}
	if out == nil {
		return nil
	}
	if err := wire.Decode(data, out); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}

// refusal turns an answer into a StatusError and remembers the pause that it asks for.
func (c *Client) refusal(path string, answer *http.Response) error {
	e := &StatusError{Path: path, Status: answer.StatusCode}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxFailure))
	var failure wire.Failure
	if err == nil && wire.Decode(data, &failure) == nil {
		e.Word, e.Detail = cut(failure.Word()), cut(failure.Detail)
	}
	if to := answer.Header.Get("Location"); to != "" && answer.StatusCode < 400 {
		e.Detail = "redirect refused"
	}
	asked := max(retryAfter(answer.Header.Get("Retry-After"), c.cfg.Now()), failure.RetryAfter.Duration(time.Second))
	if asked == 0 && e.Status == http.StatusTooManyRequests {
		asked = defaultPause
	}
	if asked > 0 && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable) {
		e.RetryAfter = min(time.Duration(math.Ceil(asked.Seconds()))*time.Second, maxPause)
		c.hush(path, e.RetryAfter)
	}
	return e
}

// cut bounds what of an Engine's words goes into errors and logs.
func cut(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return wire.Number(strconv.FormatFloat(seconds, 'f', -1, 64)).Duration(time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// family is the group of paths that the Engine counts together.
func family(path string) string {
	switch {
	case strings.HasPrefix(path, "/api/agent/enroll/"), strings.HasPrefix(path, "/api/agent/token/"):
		return path
	}
	return "device"
}

// hush puts off all further calls of the path's family by d and some jitter.
func (c *Client) hush(path string, d time.Duration) {
	until := c.cfg.Now().Add(c.jittered(d))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quiet[family(path)].Before(until) {
		c.quiet[family(path)] = until
	}
}

// pause waits until the path's family may be called again. A caller whose time ends before that is told at once.
func (c *Client) pause(ctx context.Context, path string) error {
	c.mu.Lock()
	until := c.quiet[family(path)]
	c.mu.Unlock()
	wait := until.Sub(c.cfg.Now())
	if wait <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return fmt.Errorf("post %q: %w for %v: the Engine asked for it", path, ErrPutOff, wait.Round(time.Second))
	}
	return sleep(ctx, wait)
}

// unreachable is the sentinel for a call that got no answer.
func unreachable(err error) error {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return ErrUntrusted
	}
	return ErrUnreachable
}

// withoutURL takes the URL out of the HTTP client's error: the path is named already.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func encode(in any) ([]byte, error) {
	if in == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(in)
}
