package socketio

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// guessedPayload bounds a POST to a peer that names no limit: the default of the usual servers.
	guessedPayload = 1_000_000
	// pollSlack is how many times MaxPayload one poll may bring: base64 and several messages in one answer.
	pollSlack = 2
)

// polling carries frames over long polling: one GET that waits for the peer, POSTs beside it.
type polling struct {
	site  *site
	cfg   Config
	limit int64 // bytes of one POST that the peer takes
	heard func()
	early []frame // what came with OPEN
}

func openPolling(ctx context.Context, cfg Config, s *site, heard func()) (transport, opening, error) {
	p := &polling{site: s, cfg: cfg, heard: heard}
	fs, err := p.read(ctx)
	if err != nil {
		return nil, opening{}, err
	}
	if len(fs) == 0 {
		return nil, opening{}, fmt.Errorf("%w: session does not begin with OPEN", ErrProtocol)
	}
	open, err := decodeOpening(fs[0])
	if err != nil {
		return nil, open, err
	}
	s.sid, p.early, p.limit = open.SID, fs[1:], cmp.Or(open.MaxPayload, guessedPayload)
	return p, open, nil
}

func (p *polling) read(ctx context.Context) ([]frame, error) {
	if fs := p.early; len(fs) > 0 {
		p.early = nil
		return fs, nil
	}
	body, err := p.do(ctx, http.MethodGet, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("poll: %w", err)
	}
	if len(body) == 0 && p.site.sid != "" { // so python-engineio ends a session; to poll on would be a busy loop
		return nil, fmt.Errorf("%w by the peer: empty poll", ErrClosed)
	}
	return decodePayload(body)
}

// write posts frames, in as many requests as the peer's limits ask for.
func (p *polling) write(ctx context.Context, fs []frame) error {
	for _, run := range payloads(fs, p.limit) {
		if err := p.post(ctx, encodePayload(run)); err != nil {
			return fmt.Errorf("post: %w", err)
		}
	}
	return nil
}

// post fails when the peer takes nothing of the body, or then gives no answer, for the write timeout.
func (p *polling) post(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(p.cfg.WriteTimeout, func() {
		cancel(fmt.Errorf("peer took nothing for %v: %w", p.cfg.WriteTimeout, os.ErrDeadlineExceeded))
	})
	defer stall.Stop()
	progress := func() { stall.Reset(p.cfg.WriteTimeout) }
	_, err := p.do(ctx, http.MethodPost, listener{bytes.NewReader(body), progress}, int64(len(body)))
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (p *polling) do(ctx context.Context, method string, body io.Reader, length int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.site.url("polling"), body)
	if err != nil {
		return nil, err
	}
	if p.site.header != nil {
		req.Header = p.site.header.Clone()
	}
	if body != nil {
		req.ContentLength = length // WSGI servers take no chunked body
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	answer, err := p.site.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return p.body(answer)
	}
	refused := refusal(answer, nil)
	switch {
	case p.site.sid == "":
		return nil, refused
	case refused.Status == http.StatusRequestEntityTooLarge:
		return nil, fmt.Errorf("%w for the peer: HTTP %d", ErrTooLarge, refused.Status)
	}
	return nil, fmt.Errorf("HTTP %d: %q", refused.Status, refused.Body)
}

func (p *polling) body(answer *http.Response) ([]byte, error) {
	limit := pollSlack * p.cfg.MaxPayload
	b, err := io.ReadAll(io.LimitReader(listener{answer.Body, p.heard}, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, fmt.Errorf("%w: a poll of over %d bytes", ErrTooLarge, limit)
	}
	return b, err
}

func (p *polling) close() {}
