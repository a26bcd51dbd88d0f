package socketio

import (
	"context"
	"io"
	"net/http"

	"github.com/coder/websocket"
)

// bodyExcerpt is how much of an answer's body an error carries.
const bodyExcerpt = 1024

// openTransport opens the session's first transport and reads its OPEN packet.
func openTransport(ctx context.Context, cfg Config, s *site, heard func()) (transport, opening, error) {
	if cfg.Polling {
		return openPolling(ctx, cfg, s, heard)
	}
	return openWebsocket(ctx, cfg, s, heard)
}

func openWebsocket(ctx context.Context, cfg Config, s *site, heard func()) (transport, opening, error) {
	l, err := dialWebsocket(ctx, cfg, s, heard)
	if err != nil {
		return nil, opening{}, err
	}
	var open opening
	fs, err := l.read(ctx)
	if err == nil {
		open, err = decodeOpening(fs[0])
	}
	if err != nil {
		l.close()
		return nil, open, err
	}
	s.sid = open.SID
	return l, open, nil
}

// dialWebsocket opens a websocket. Compression stays off: aiohttp negotiates it in a way that others reject.
func dialWebsocket(ctx context.Context, cfg Config, s *site, heard func()) (*link, error) {
	conn, answer, err := websocket.Dial(ctx, s.url("websocket"), &websocket.DialOptions{
		HTTPClient: s.client, HTTPHeader: s.header, CompressionMode: websocket.CompressionDisabled,
	})
	if err == nil {
		return newLink(conn, cfg.MaxPayload, cfg.WriteTimeout, heard), nil
	}
	if answer == nil || answer.StatusCode == http.StatusSwitchingProtocols {
		return nil, err
	}
	return nil, refusal(answer, err)
}

// refusal is the error for an answer that opens no session.
func refusal(answer *http.Response, err error) *HandshakeError {
	var body []byte
	if answer.Body != nil {
		body, _ = io.ReadAll(io.LimitReader(answer.Body, bodyExcerpt)) // what could be read explains enough
	}
	return &HandshakeError{Status: answer.StatusCode, Body: string(body), Err: err}
}

// probeWebsocket opens a websocket beside the polling session and asks whether the session may move there. It
// returns nil if it may not.
func (c *Conn) probeWebsocket() *link {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.ConnectTimeout)
	defer cancel()
	l, err := dialWebsocket(ctx, c.cfg, c.site, c.dog.heard)
	if err != nil {
		return nil
	}
	err = l.write(ctx, []frame{text("2probe")})
	if err == nil {
		err = l.expect(ctx, "3probe")
	}
	if err != nil {
		l.close()
		return nil
	}
	return l
}
