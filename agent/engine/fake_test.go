package engine

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/identity"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const (
	goodCode   = "0F3A-77C2-91DE-4B60-AA15-C8E2-5D39-7F04"
	engineGUID = "7B1E9C40-52AD-4E0B-8F6C-1D2E3F4A5B6C"
	signingKey = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
	secondKey  = "MCowBQYDK2VwAyEAebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="
)

// certs are an authority and the certificates that it issues.
type certs struct {
	pem  []byte // the root
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var (
	longAgo = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	farOff  = time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)
)

func newCerts(t testing.TB) *certs {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &certs{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Borealis Root CA"}, NotBefore: longAgo, NotAfter: farOff,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, c.cert, c.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if c.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c
}

// leaf issues a server certificate. Stock Engines name addresses as DNS names too.
func (c *certs) leaf(t testing.TB, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Borealis Server"}, NotBefore: longAgo, NotAfter: until,
		DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, c.cert, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func pemOf(leaf tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]})
}

// seen is one request as it reached the Engine.
type seen struct {
	path   string
	header http.Header
	body   map[string]any
	text   string
	at     time.Time
}

// fake is an Engine of the contract, as far as an agent can tell. Answer lets a test answer a path in its place.
type fake struct {
	t      testing.TB
	net    *pipeNet
	certs  *certs
	server *http.Server
	sio    *socketio.Server
	log    *bytes.Buffer
	logMu  sync.Mutex

	mu       sync.Mutex
	requests []seen
	answers  map[string]http.HandlerFunc // by path; one that writes nothing lets the Engine answer
	codes    map[string]bool
	decision string // what polls are answered with: pending, approved, denied, expired
	rows     map[string]*row
	refresh  map[string]bool // tokens that refresh
	access   map[string]bool // tokens that authenticate
	made     int
	expires  int
	poll     int // milliseconds, to the first poll
	bundle   string
	signing  string
	script   map[string]any
	events   chan event
	sockets  chan *socketio.Socket
}

type row struct {
	server, client, public string
	done                   bool
}

type event struct {
	name string
	data string
}

// start runs a fake behind a leaf for these names.
func start(t *testing.T, names ...string) *fake {
	t.Helper()
	authority := newCerts(t)
	return startWith(t, authority, &tls.Config{Certificates: []tls.Certificate{authority.leaf(t, farOff, names...)}})
}

// startWith runs a fake; a nil conf makes it speak plain http.
func startWith(t *testing.T, authority *certs, conf *tls.Config) *fake {
	t.Helper()
	f := &fake{
		t: t, net: newPipeNet(), certs: authority, log: new(bytes.Buffer), answers: map[string]http.HandlerFunc{},
		codes: map[string]bool{goodCode: true}, decision: wire.StatusApproved, rows: map[string]*row{},
		refresh: map[string]bool{}, access: map[string]bool{}, expires: 900, poll: 3000, signing: signingKey,
		events: make(chan event, 100), sockets: make(chan *socketio.Socket, 10),
	}
	if authority != nil {
		f.bundle = string(authority.pem)
	}
	f.sio = socketio.NewServer(socketio.ServerConfig{
		OnConnect: func(s *socketio.Socket) {
			select {
			case f.sockets <- s:
			default: // a fleet, whose sockets nobody asks for
			}
		},
		OnEvent: func(_ *socketio.Socket, m socketio.Message) {
			f.events <- event{m.Event, string(bytes.Join(rawArgs(m), []byte(" ")))}
			if m.Ack != nil && !strings.HasPrefix(m.Event, "never_acked") {
				_ = m.Ack()
			}
		},
	})
	f.server = &http.Server{Handler: f, ErrorLog: log.New(io.Discard, "", 0)}
	listener := net.Listener(f.net)
	if conf != nil {
		listener = tls.NewListener(f.net, conf)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = f.server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = f.sio.Close()
		_ = f.server.Close()
		<-served
	})
	return f
}

func rawArgs(m socketio.Message) [][]byte {
	var out [][]byte
	for _, a := range m.Args {
		out = append(out, a)
	}
	return out
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/socket.io/") {
		f.record(r, nil)
		if f.custom(w, r) {
			return
		}
		f.sio.ServeHTTP(w, r)
		return
	}
	text, _ := io.ReadAll(r.Body)
	s := f.record(r, text)
	r.Body = io.NopCloser(bytes.NewReader(text))
	if !f.custom(w, r) {
		f.serve(w, s)
	}
}

func (f *fake) record(r *http.Request, text []byte) seen {
	s := seen{path: r.URL.Path, header: r.Header.Clone(), text: string(text), at: time.Now()}
	_ = json.Unmarshal(text, &s.body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, s)
	return s
}

// custom lets the test's own answer go first, and says whether it answered.
func (f *fake) custom(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	answer := f.answers[r.URL.Path]
	f.mu.Unlock()
	if answer == nil {
		return false
	}
	watched := &watchedWriter{ResponseWriter: w}
	answer(watched, r)
	return watched.wrote
}

type watchedWriter struct {
	http.ResponseWriter
	wrote bool
}

func (w *watchedWriter) WriteHeader(code int) { w.wrote = true; w.ResponseWriter.WriteHeader(code) }

func (w *watchedWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

func (w *watchedWriter) Hijack() (net.Conn, error) {
	w.wrote = true
	conn, _, err := w.ResponseWriter.(http.Hijacker).Hijack()
	return conn, err
}

func (f *fake) serve(w http.ResponseWriter, s seen) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch s.path {
	case wire.PathEnrollRequest:
		f.enrollRequest(w, s)
	case wire.PathEnrollPoll:
		f.enrollPoll(w, s)
	case wire.PathTokenRefresh:
		f.tokenRefresh(w, s)
	default:
		f.device(w, s)
	}
}

func (f *fake) enrollRequest(w http.ResponseWriter, s seen) {
	code, _ := s.body["enrollment_code"].(string)
	if !f.codes[code] {
		fail(w, 400, "invalid_enrollment_code")
		return
	}
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	reference := fmt.Sprintf("3f0c2a9e-6d41-4b7e-9c55-%012d", len(f.rows))
	f.rows[reference] = &row{
		server: base64.StdEncoding.EncodeToString(nonce), client: s.body["client_nonce"].(string), public: s.body["agent_pubkey"].(string),
	}
	reply(w, 200, map[string]any{
		"status": "pending", "approval_reference": reference, "server_nonce": f.rows[reference].server, "poll_after_ms": f.poll,
		"server_certificate": f.bundle, "signing_key": f.signing,
	})
}

func (f *fake) enrollPoll(w http.ResponseWriter, s seen) {
	reference, _ := s.body["approval_reference"].(string)
	r := f.rows[reference]
	switch {
	case r == nil:
		reply(w, 404, map[string]any{"status": "unknown"})
	case s.body["client_nonce"] != r.client:
		fail(w, 400, "nonce_mismatch")
	case !proved(r, reference, s.body["proof_sig"].(string)):
		fail(w, 400, "invalid_proof")
	case f.decision == wire.StatusPending:
		reply(w, 200, map[string]any{"status": "pending", "poll_after_ms": 5000})
	case f.decision == wire.StatusDenied:
		reply(w, 200, map[string]any{"status": "denied", "reason": "operator_denied"})
	case f.decision != wire.StatusApproved:
		reply(w, 200, map[string]any{"status": f.decision})
	case r.done:
		reply(w, 200, map[string]any{"status": "approved", "detail": "finalized"})
	default:
		r.done = true
		reply(w, 200, map[string]any{
			"status": "approved", "guid": engineGUID, "access_token": f.newToken("access", f.access), "expires_in": f.expires,
			"refresh_token": f.newToken("refresh", f.refresh), "token_type": "Bearer", "server_certificate": f.bundle, "signing_key": f.signing,
		})
	}
}

func (f *fake) newToken(kind string, into map[string]bool) string {
	f.made++
	token := fmt.Sprintf("canary-%s-%d", kind, f.made)
	into[token] = true
	return token
}

func proved(r *row, reference, signature string) bool {
	server, _ := base64.StdEncoding.DecodeString(r.server)
	client, _ := base64.StdEncoding.DecodeString(r.client)
	key, err := wire.ParseKey(r.public)
	sig, _ := base64.StdEncoding.DecodeString(signature)
	return err == nil && ed25519.Verify(key, append(append(server, reference...), client...), sig)
}

func (f *fake) tokenRefresh(w http.ResponseWriter, s seen) {
	token, _ := s.body["refresh_token"].(string)
	if s.body["guid"] != engineGUID || !f.refresh[token] {
		fail(w, 401, "invalid_refresh_token")
		return
	}
	reply(w, 200, map[string]any{"access_token": f.newToken("access", f.access), "expires_in": f.expires, "token_type": "Bearer"})
}

func (f *fake) device(w http.ResponseWriter, s seen) {
	bearer, ok := strings.CutPrefix(s.header.Get("Authorization"), "Bearer ")
	switch {
	case !ok || bearer == "":
		fail(w, 401, "missing_authorization")
	case !f.access[bearer]:
		fail(w, 401, "invalid_token")
	case s.path == wire.PathScriptRequest:
		answer := map[string]any{"status": "idle", "poll_after_ms": 30000, "sig_alg": "ed25519", "signing_key": f.signing}
		maps.Copy(answer, f.script)
		reply(w, 200, answer)
	default:
		reply(w, 200, map[string]any{"status": "ok", "poll_after_ms": 15000})
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, status int, word string) {
	reply(w, status, map[string]any{"error": word})
}

// set changes the fake under its lock.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// answer puts a test's own answer before a path's.
func (f *fake) answer(path string, h http.HandlerFunc) { f.set(func() { f.answers[path] = h }) }

// to are the requests to a path so far.
func (f *fake) to(path string) []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []seen
	for _, s := range f.requests {
		if s.path == path {
			out = append(out, s)
		}
	}
	return out
}

// logged is all that the clients logged so far.
func (f *fake) logged() string {
	f.logMu.Lock()
	defer f.logMu.Unlock()
	return f.log.String()
}

type logWriter struct{ f *fake }

func (w logWriter) Write(b []byte) (int, error) {
	w.f.logMu.Lock()
	defer w.f.logMu.Unlock()
	return w.f.log.Write(b)
}

// config is that of a device whose tree lies under root, and which knows a good code.
func (f *fake) config(root string) Config {
	f.t.Helper()
	tree, err := settings.Options{Getenv: func(string) string { return "" }, Sealer: settings.Plain{}}.Open(root)
	if err != nil {
		f.t.Fatal(err)
	}
	id, err := identity.Open(context.Background(), identity.Config{
		Store: tree.Identity(), Sealer: tree.Sealer(),
		Lock: func(ctx context.Context) (func(), error) { return tree.Lock(ctx, settings.LockIdentity) },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	cfg := Config{
		Tree: tree, Identity: id, Mode: wire.System, Hostname: "lab-node-07", ServerURL: "https://engine.test:5000", Version: "1.2.3",
		CallsPerMinute: 100_000,
		Code:           func() string { return goodCode }, Dial: f.net.dial, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
		Log: slog.New(slog.NewTextHandler(logWriter{f}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if f.certs != nil {
		cfg.RootCAs = f.certs.pem
	}
	return cfg
}

// client is a device of its own.
func (f *fake) client() *Client { return f.clientOf(f.config(f.t.TempDir())) }

func (f *fake) clientOf(cfg Config) *Client {
	f.t.Helper()
	c, err := New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Close)
	return c
}

// enrolled is a device that has been through its enrollment.
func (f *fake) enrolled() *Client {
	f.t.Helper()
	c := f.client()
	if err := c.Authenticate(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return c
}
