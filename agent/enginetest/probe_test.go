package enginetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Unix(1_770_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// probe is a device that speaks plain HTTP to an Engine, and can be told to lie.
type probe struct {
	t      *testing.T
	e      *Engine
	client *http.Client
	key    ed25519.PrivateKey
	host   string

	nonce     string // of the last request
	request   map[string]any
	guid      string
	access    string
	refresh   string
	header    http.Header // on each call
	onlyPlain bool        // send no content type
}

func newProbe(t *testing.T, e *Engine, host string) *probe {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{t: t, e: e, client: e.Client(), key: key, host: host, header: http.Header{}}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// another is a second device on the same connection: TLS handshakes are slow under the race detector.
func (p *probe) another(t *testing.T, host string) *probe {
	t.Helper()
	q := newProbe(t, p.e, host)
	q.client = p.client
	return q
}

// reply is an answer of the Engine.
type reply struct {
	status int
	header http.Header
	body   map[string]any // nil when it is no JSON object
	text   string
}

func (r reply) str(key string) string {
	s, _ := r.body[key].(string)
	return s
}

// call sends a body as it is when it is a string, else as JSON; nil sends none.
func (p *probe) call(method, path string, in any) reply {
	p.t.Helper()
	r, err := p.try(method, path, in)
	must(p.t, err)
	return r
}

// try is call for goroutines, which cannot end the test.
func (p *probe) try(method, path string, in any) (reply, error) {
	text, isText := in.(string)
	if !isText && in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return reply{}, err
		}
		text = string(encoded)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.e.URL()+path, strings.NewReader(text))
	if err != nil {
		return reply{}, err
	}
	if !p.onlyPlain {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.access != "" {
		r.Header.Set("Authorization", "Bearer "+p.access)
	}
	maps.Copy(r.Header, p.header)
	answer, err := p.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	out := reply{status: answer.StatusCode, header: answer.Header, text: string(body)}
	json.Unmarshal(body, &out.body) // a page leaves it nil
	return out, err
}

func (p *probe) post(path string, in any) reply {
	p.t.Helper()
	return p.call(http.MethodPost, path, in)
}

func (p *probe) publicKey() string {
	return base64.StdEncoding.EncodeToString(spki(p.key.Public().(ed25519.PublicKey)))
}

func (p *probe) fingerprint() string { return fingerprint(spki(p.key.Public().(ed25519.PublicKey))) }

// ask sends an enrollment request with a new nonce.
func (p *probe) ask() reply {
	p.t.Helper()
	p.nonce = base64.StdEncoding.EncodeToString(randomBytes(32))
	r := p.post("/api/agent/enroll/request", map[string]any{
		"hostname": p.host, "enrollment_code": p.e.Code(), "agent_pubkey": p.publicKey(), "client_nonce": p.nonce,
	})
	p.request = r.body
	return r
}

// proof is the poll that answers the last request.
func (p *probe) proof() map[string]any {
	p.t.Helper()
	reference, _ := p.request["approval_reference"].(string)
	server, err := base64.StdEncoding.DecodeString(p.request["server_nonce"].(string))
	if err != nil {
		p.t.Fatal(err)
	}
	nonce, err := base64.StdEncoding.DecodeString(p.nonce)
	if err != nil {
		p.t.Fatal(err)
	}
	signature := ed25519.Sign(p.key, slices.Concat(server, []byte(reference), nonce))
	return map[string]any{
		"approval_reference": reference, "client_nonce": p.nonce, "proof_sig": base64.StdEncoding.EncodeToString(signature),
	}
}

func (p *probe) poll() reply {
	p.t.Helper()
	r := p.post("/api/agent/enroll/poll", p.proof())
	if r.str("access_token") != "" {
		p.guid, p.access, p.refresh = r.str("guid"), r.str("access_token"), r.str("refresh_token")
	}
	return r
}

// enroll does all of it, with the operator's approval.
func (p *probe) enroll() {
	p.t.Helper()
	if r := p.ask(); r.status != http.StatusOK {
		p.t.Fatalf("enroll/request: %d %s", r.status, r.text)
	}
	if !p.e.cfg.AutoApprove {
		if _, err := p.e.Approve(p.request["approval_reference"].(string)); err != nil {
			p.t.Fatal(err)
		}
	}
	if r := p.poll(); p.access == "" {
		p.t.Fatalf("enroll/poll: %d %s", r.status, r.text)
	}
}

func (p *probe) agentID() string { return p.host + "_" + p.guid + "_SYSTEM" }

// reportDetails makes the Engine know the agent id.
func (p *probe) reportDetails() {
	p.t.Helper()
	r := p.post("/api/agent/details", map[string]any{
		"agent_id": p.agentID(), "hostname": p.host, "details": map[string]any{"summary": map[string]any{"hostname": p.host}},
	})
	if r.status != http.StatusOK {
		p.t.Fatalf("details: %d %s", r.status, r.text)
	}
}

// enrolled starts an Engine with one enrolled device.
func enrolled(t *testing.T, cfg Config) *probe {
	t.Helper()
	p := newProbe(t, Start(t, cfg), "LAB-NODE-07")
	p.enroll()
	return p
}

func wantError(t *testing.T, r reply, status int, word string) {
	t.Helper()
	if r.status != status || r.str("error") != word {
		t.Errorf("got %d %s, want %d with error %q", r.status, r.text, status, word)
	}
}

func mustExec(t *testing.T, e *Engine, query string, args ...any) {
	t.Helper()
	if _, err := e.store.db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}
