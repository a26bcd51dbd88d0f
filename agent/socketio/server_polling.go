package socketio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

func (s *Server) servePolling(w http.ResponseWriter, r *http.Request, x *session) {
	switch {
	case r.Method == http.MethodGet && x == nil:
		x = s.open(r)
		x.answer(w, []frame{x.opening("websocket")}) // a peer that did not get it never comes back
	case x == nil:
		refuse(w, refusedMethod)
	case r.Method == http.MethodGet:
		x.servePoll(w, r)
	case r.Method == http.MethodPost:
		x.servePost(w, r)
	default:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

// servePoll answers a GET with what waits for the peer, once something does.
func (x *session) servePoll(w http.ResponseWriter, r *http.Request) {
	released, ok := x.beginPoll()
	if !ok {
		x.fail(fmt.Errorf("%w: overlapping polls", ErrProtocol))
		refuse(w, refusedRequest)
		return
	}
	defer x.endPoll()
	fs, last := x.next(r.Context().Done(), released)
	switch {
	case fs == nil && last:
		http.Error(w, "closed", http.StatusServiceUnavailable)
	case fs == nil: // the request is gone, or a websocket takes over
		x.answer(w, []frame{text("6")})
	default:
		if err := x.answer(w, fs); err != nil {
			x.fail(fmt.Errorf("poll: %w", err)) // the peer has missed something
		}
	}
	if last {
		x.cancel(ErrClosed)
	}
}

// beginPoll marks a GET as waiting; released is closed when it must go home.
func (x *session) beginPoll() (released <-chan struct{}, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.polled || x.websocket {
		return nil, false
	}
	x.polled = true
	return x.release, true
}

func (x *session) endPoll() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.polled = false
}

// answer writes frames as the answer to a request. It fails when the peer takes nothing for the write timeout, or
// soon after the session has ended.
func (x *session) answer(w http.ResponseWriter, fs []frame) error {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	line := http.NewResponseController(w)
	hurry := func() { line.SetWriteDeadline(time.Now().Add(closeGrace)) }
	defer context.AfterFunc(x.ctx, hurry)()
	for part := range slices.Chunk(encodePayload(fs), fragment) {
		line.SetWriteDeadline(time.Now().Add(x.srv.cfg.WriteTimeout))
		if x.ctx.Err() != nil {
			hurry()
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	err := line.Flush()
	line.SetWriteDeadline(time.Time{}) // the line may carry other requests
	return err
}

// servePost takes what the peer sends.
func (x *session) servePost(w http.ResponseWriter, r *http.Request) {
	if !x.reading.TryLock() {
		x.fail(fmt.Errorf("%w: overlapping posts", ErrProtocol))
		refuse(w, refusedRequest)
		return
	}
	defer x.reading.Unlock()
	body, err := x.body(w, r)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		http.Error(w, "payload too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err == nil {
		x.dog.pause()
		err = x.handlePayload(body)
		x.dog.heard()
	}
	if err != nil {
		x.fail(err)
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		refuse(w, refusedRequest)
		return
	}
	io.WriteString(w, "ok") // a peer that did not get it ends the session itself
}

// body reads a POST, until the session ends.
func (x *session) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	line := http.NewResponseController(w)
	defer context.AfterFunc(x.ctx, func() { line.SetReadDeadline(time.Now()) })()
	b, err := io.ReadAll(listener{http.MaxBytesReader(w, r.Body, x.srv.cfg.MaxPayload), x.dog.heard})
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	return b, nil
}

func (x *session) handlePayload(b []byte) error {
	fs, err := decodePayload(b)
	if err != nil {
		return err
	}
	for _, f := range fs {
		if err := x.handle(f); err != nil {
			return err
		}
	}
	return nil
}
