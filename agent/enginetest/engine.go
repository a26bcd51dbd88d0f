package enginetest

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Engine is a running Engine. Its methods may be called from many goroutines.
type Engine struct {
	cfg       Config
	log       *slog.Logger
	now       func() time.Time
	state     state
	store     *store
	chain     chain
	scriptKey ed25519.PrivateKey
	tokens    *tokens
	code      string
	operator  string // the operator's bearer token

	perIP, perKey, perDevice *window
	proofs, dpops            *replays
	routes                   []route
	faults                   faults
	hub                      *hub
	record                   record
	changed                  signal
	muted                    atomic.Bool

	url    string
	server *http.Server
	served chan struct{} // closed when the server's goroutine ended
	cancel context.CancelFunc

	serving sync.RWMutex // held by each request for as long as it is served
	closed  bool         // guarded by serving
}

// New starts an Engine, which is listening when New returns. Close ends it.
func New(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	e := &Engine{cfg: cfg, log: cfg.Log, now: cfg.Now, state: state{cfg.Dir}, operator: randomToken(32)}
	e.perIP = newWindow(enrollsPerIP, cfg.RateLimits, cfg.Now)
	e.perKey = newWindow(enrollsPerKey, cfg.RateLimits, cfg.Now)
	e.perDevice = newWindow(callsPerDevice, cfg.RateLimits, cfg.Now)
	e.proofs, e.dpops = newReplays(cfg.Now), newReplays(cfg.Now)
	e.routes = e.routeTable()
	e.hub = newHub(cfg, e.onEvent, &e.changed)
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, err
	}
	if err := e.open(listener.Addr()); err != nil {
		return nil, errors.Join(err, listener.Close(), e.hub.server.Close())
	}
	e.serve(listener)
	if err := e.announce(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// open reads the state folder, and fills it at the first start.
func (e *Engine) open(addr net.Addr) (err error) {
	if e.store, err = openStore(e.state); err != nil { // first: it holds the folder's lock
		return err
	}
	defer func() {
		if err != nil {
			e.store.db.Close()
		}
	}()
	if e.scriptKey, err = loadKey(e.state, fileScriptKey); err != nil {
		return fmt.Errorf("script-signing key: %w", err)
	}
	tokenKey, err := loadKey(e.state, fileTokenKey)
	if err != nil {
		return fmt.Errorf("token key: %w", err)
	}
	e.tokens = &tokens{key: tokenKey, now: e.now}
	host, ips := names(e.cfg, addr)
	e.url = "https://" + host
	if e.chain, err = loadChain(e.state, ips); err != nil {
		return err
	}
	e.code, err = e.store.siteCode()
	return err
}

func (e *Engine) serve(listener net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	e.served = make(chan struct{})
	e.server = &http.Server{
		Handler:           http.HandlerFunc(e.guard),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{e.chain.served}, MinVersion: tls.VersionTLS12},
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 alone, as the original
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(e.served)
		if err := e.server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			e.log.Error("serve", "error", err)
		}
	}()
}

// guard lets Close wait for every request that is being served.
func (e *Engine) guard(w http.ResponseWriter, r *http.Request) {
	e.serving.RLock()
	defer e.serving.RUnlock()
	if e.closed {
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	}
	e.handle(w, r)
}

// Close ends every session and request, and then the database. It may be called again.
func (e *Engine) Close() error {
	e.cancel()
	errs := []error{e.hub.server.Close(), e.server.Close()}
	<-e.served
	e.serving.Lock()
	defer e.serving.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	return errors.Join(append(errs, e.withdraw(), e.store.db.Close())...)
}

// running is what other processes need to find the Engine of a folder.
type running struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

// announce writes down where the Engine is and the token that opens its operator calls.
func (e *Engine) announce() error {
	text, err := json.Marshal(running{URL: e.url, PID: os.Getpid()})
	if err != nil {
		return err
	}
	if err := e.state.write(fileOperator, []byte(e.operator)); err != nil {
		return err
	}
	return e.state.write(fileRunning, text)
}

func (e *Engine) withdraw() error {
	return errors.Join(e.state.remove(fileRunning), e.state.remove(fileOperator))
}
