package enginetest

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The worked example of the contract: seed 01..20, server nonce A0..BF, client nonce 40..5F.
const (
	exampleKey   = "MCowBQYDK2VwAyEAebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="
	exampleNonce = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="
	exampleProof = "DfH5yLov37llxBi2CRa9WeSaar7q60LRZ626pb2ntl5Ln7dPjtfhxaCZUlU1snasK/31dyJChZXzdV5nZSRCBg=="
	exampleRef   = "3f0c2a9e-6d41-4b7e-9c55-0a1b2c3d4e5f"
	examplePrint = "646d6be49d9f0048f94f67749eca35156eed4f7a7be18e4fc4a94bfd44e300b0"
)

func exampleRequest(e *Engine) map[string]any {
	return map[string]any{
		"hostname": "lab-node-07", "enrollment_code": e.Code(), "agent_pubkey": exampleKey, "client_nonce": exampleNonce,
	}
}

func TestWorkedExampleEnrolls(t *testing.T) {
	e := Start(t, Config{})
	p := newProbe(t, e, "lab-node-07")
	r := p.post("/api/agent/enroll/request", exampleRequest(e))
	if r.status != http.StatusOK {
		t.Fatalf("request: %d %s", r.status, r.text)
	}
	serverNonce := make([]byte, 32)
	for i := range serverNonce {
		serverNonce[i] = byte(0xa0 + i)
	}
	mustExec(t, e, `UPDATE approvals SET reference = ?, server_nonce = ?`, exampleRef, base64.StdEncoding.EncodeToString(serverNonce))
	poll := map[string]any{"approval_reference": exampleRef, "client_nonce": exampleNonce, "proof_sig": exampleProof}
	r = p.post("/api/agent/enroll/poll", poll)
	if r.status != http.StatusOK || r.str("status") != "pending" || r.body["poll_after_ms"] != 5000.0 {
		t.Fatalf("poll before approval: %d %s", r.status, r.text)
	}
	if d, err := e.Approve(examplePrint[:8]); err != nil || d.Fingerprint != examplePrint {
		t.Fatalf("approve: %+v %v", d, err)
	}
	r = p.post("/api/agent/enroll/poll", poll)
	if r.status != http.StatusOK || r.str("status") != "approved" {
		t.Fatalf("poll after approval: %d %s", r.status, r.text)
	}
	checkApproved(t, e, r)
	r = p.post("/api/agent/enroll/poll", poll)
	if r.str("status") != "approved" || r.str("detail") != "finalized" || r.str("access_token") != "" {
		t.Errorf("second poll: %d %s", r.status, r.text)
	}
}

func checkApproved(t *testing.T, e *Engine, r reply) {
	t.Helper()
	if !regexp.MustCompile(`^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`).MatchString(r.str("guid")) {
		t.Errorf("guid %q", r.str("guid"))
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{64}$`).MatchString(r.str("refresh_token")) {
		t.Errorf("refresh token %q", r.str("refresh_token"))
	}
	if r.body["expires_in"] != 900.0 || r.str("token_type") != "Bearer" {
		t.Errorf("approved body: %s", r.text)
	}
	checkTrust(t, e, r)
	c, err := e.tokens.read(r.str("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	if c.GUID != r.str("guid") || c.Subject != "device:"+c.GUID || c.Fingerprint != examplePrint || c.TokenVersion != 1 {
		t.Errorf("claims: %+v", c)
	}
	if !c.NotBefore.Equal(c.IssuedAt.Time) || c.ExpiresAt.Sub(c.IssuedAt.Time) != 15*time.Minute {
		t.Errorf("times of the claims: %+v", c)
	}
}

// checkTrust looks at what both enrollment answers carry.
func checkTrust(t *testing.T, e *Engine, r reply) {
	t.Helper()
	leaf, rest := pem.Decode([]byte(r.str("server_certificate")))
	root, _ := pem.Decode(rest)
	if leaf == nil || root == nil {
		t.Fatalf("server_certificate: %q", r.str("server_certificate"))
	}
	cert, err := x509.ParseCertificate(root.Bytes)
	if err != nil || cert.Subject.CommonName != "Borealis Root CA" {
		t.Errorf("second certificate of the bundle: %v %v", cert.Subject, err)
	}
	der, err := base64.StdEncoding.DecodeString(r.str("signing_key"))
	if err != nil || len(der) != 44 || !e.SigningKey().Equal(ed25519.PublicKey(der[12:])) {
		t.Errorf("signing_key %q: %v", r.str("signing_key"), err)
	}
}

func TestEnrollRequestAnswer(t *testing.T) {
	p := newProbe(t, Start(t, Config{}), "host")
	r := p.ask()
	if r.status != http.StatusOK || r.str("status") != "pending" || r.body["poll_after_ms"] != 3000.0 {
		t.Fatalf("request: %d %s", r.status, r.text)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(r.str("approval_reference")) {
		t.Errorf("reference %q", r.str("approval_reference"))
	}
	if nonce, err := base64.StdEncoding.DecodeString(r.str("server_nonce")); err != nil || len(nonce) != 32 {
		t.Errorf("server_nonce %q: %v", r.str("server_nonce"), err)
	}
	checkTrust(t, p.e, r)
	if !regexp.MustCompile(`^([0-9A-F]{4}-){7}[0-9A-F]{4}$`).MatchString(p.e.Code()) {
		t.Errorf("code %q", p.e.Code())
	}
}

func TestEnrollRequestErrors(t *testing.T) {
	e := Start(t, Config{})
	p := newProbe(t, e, "host")
	with := func(changes map[string]any) map[string]any {
		m := exampleRequest(e)
		maps.Copy(m, changes)
		return m
	}
	for _, c := range []struct {
		name string
		body any
		word string
	}{
		{"no JSON", "hello", "hostname_required"},
		{"no object", `["hostname"]`, "hostname_required"},
		{"two values", `{} {}`, "hostname_required"},
		{"empty", "", "hostname_required"},
		{"host name of another type", with(map[string]any{"hostname": 7}), "hostname_required"},
		{"blank host name", with(map[string]any{"hostname": "  "}), "hostname_required"},
		{"no code", with(map[string]any{"enrollment_code": nil}), "enrollment_code_required"},
		{"no key", with(map[string]any{"agent_pubkey": ""}), "agent_pubkey_required"},
		{"no nonce", with(map[string]any{"client_nonce": ""}), "client_nonce_required"},
		{"first of all", map[string]any{"client_nonce": "x"}, "hostname_required"},
		{"key not base64", with(map[string]any{"agent_pubkey": "!!!!"}), "invalid_agent_pubkey"},
		{"key too short", with(map[string]any{"agent_pubkey": "AAAA"}), "invalid_agent_pubkey"},
		{"key before nonce", with(map[string]any{"agent_pubkey": "AAAA", "client_nonce": "!"}), "invalid_agent_pubkey"},
		{"nonce not padded", with(map[string]any{"client_nonce": strings.TrimRight(exampleNonce, "=")}), "invalid_client_nonce"},
		{"nonce with space", with(map[string]any{"client_nonce": exampleNonce + " "}), "invalid_client_nonce"},
		{"nonce with line end", with(map[string]any{"client_nonce": exampleNonce[:8] + "\n" + exampleNonce[8:]}), "invalid_client_nonce"},
		{"nonce URL-safe", with(map[string]any{"client_nonce": "__--" + exampleNonce[4:]}), "invalid_client_nonce"},
		{"nonce too short", with(map[string]any{"client_nonce": "AAAAAAAAAAAAAAAAAAAA"}), "invalid_client_nonce"},
		{"nonce before code", with(map[string]any{"client_nonce": "AAAA", "enrollment_code": "x"}), "invalid_client_nonce"},
		{"unknown code", with(map[string]any{"enrollment_code": "0000-0000"}), "invalid_enrollment_code"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, p.post("/api/agent/enroll/request", c.body), http.StatusBadRequest, c.word)
		})
	}
	if waiting := e.Pending(); len(waiting) != 0 {
		t.Errorf("refused requests left %+v", waiting)
	}
}

func TestEnrollRequestTakesLooseForms(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"code in lower case": func(m map[string]any) { m["enrollment_code"] = strings.ToLower(m["enrollment_code"].(string)) },
		"code with blanks":   func(m map[string]any) { m["enrollment_code"] = " " + m["enrollment_code"].(string) + "\n" },
		"key in URL-safe alphabet": func(m map[string]any) {
			m["agent_pubkey"] = strings.NewReplacer("+", "-", "/", "_").Replace(exampleKey)
		},
		"key with line ends": func(m map[string]any) { m["agent_pubkey"] = exampleKey[:20] + "\r\n " + exampleKey[20:] + "\n" },
	} {
		t.Run(name, func(t *testing.T) {
			e := Start(t, Config{})
			p := newProbe(t, e, "host")
			p.onlyPlain = true // and whatever the content type
			m := exampleRequest(e)
			change(m)
			if r := p.post("/api/agent/enroll/request", m); r.status != http.StatusOK {
				t.Fatalf("%d %s", r.status, r.text)
			}
			if got := e.Pending()[0].Fingerprint; got != examplePrint {
				t.Errorf("fingerprint %s", got)
			}
		})
	}
}

func TestPollErrors(t *testing.T) {
	e := Start(t, Config{})
	p := newProbe(t, e, "host")
	p.ask()
	with := func(changes map[string]any) map[string]any {
		m := p.proof()
		maps.Copy(m, changes)
		return m
	}
	for _, c := range []struct {
		name   string
		body   any
		status int
		word   string
	}{
		{"nothing", "", 400, "approval_reference_required"},
		{"no nonce", with(map[string]any{"client_nonce": nil}), 400, "client_nonce_required"},
		{"no proof", with(map[string]any{"proof_sig": 1}), 400, "proof_sig_required"},
		{"nonce not base64", with(map[string]any{"client_nonce": "?"}), 400, "invalid_client_nonce"},
		{"proof not base64", with(map[string]any{"proof_sig": "?"}), 400, "invalid_proof_sig"},
		{"another nonce", with(map[string]any{"client_nonce": exampleNonce}), 400, "nonce_mismatch"},
		{"another proof", with(map[string]any{"proof_sig": exampleProof}), 400, "invalid_proof"},
		{"short proof", with(map[string]any{"proof_sig": "AAAA"}), 400, "invalid_proof"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, p.post("/api/agent/enroll/poll", c.body), c.status, c.word)
		})
	}
	r := p.post("/api/agent/enroll/poll", with(map[string]any{"approval_reference": exampleRef}))
	if r.status != http.StatusNotFound || r.str("status") != "unknown" || r.body["error"] != nil {
		t.Errorf("unknown reference: %d %s", r.status, r.text)
	}
}

func TestPollOfDamagedRow(t *testing.T) {
	e := Start(t, Config{})
	p := newProbe(t, e, "host")
	p.ask()
	mustExec(t, e, `UPDATE approvals SET public_key = x'00'`)
	wantError(t, p.poll(), 400, "agent_pubkey_invalid")
	mustExec(t, e, `UPDATE approvals SET server_nonce = '?'`)
	wantError(t, p.poll(), 400, "server_nonce_invalid")
}

func TestPollByStatus(t *testing.T) {
	for status, want := range map[string]reply{
		"denied":  {status: 200, body: map[string]any{"status": "denied", "reason": "operator_denied"}},
		"expired": {status: 200, body: map[string]any{"status": "expired"}},
		"strange": {status: 400, body: map[string]any{"status": "strange"}},
	} {
		t.Run(status, func(t *testing.T) {
			e := Start(t, Config{})
			p := newProbe(t, e, "host")
			p.ask()
			if status == "denied" {
				if err := e.Deny("HOST"); err != nil {
					t.Fatal(err)
				}
			} else {
				mustExec(t, e, `UPDATE approvals SET status = ?`, status)
			}
			r := p.poll()
			if r.status != want.status || !maps.Equal(r.body, want.body) {
				t.Errorf("got %d %s", r.status, r.text)
			}
			first := p.request["approval_reference"]
			if p.ask(); p.request["approval_reference"] == first {
				t.Error("a finished row was used again")
			}
		})
	}
}

func TestSecondRequestReplacesNonces(t *testing.T) {
	p := newProbe(t, Start(t, Config{}), "host")
	p.ask()
	first := p.proof()
	reference := p.request["approval_reference"]
	p.host = "renamed"
	p.ask()
	if p.request["approval_reference"] != reference {
		t.Error("the pending row's reference changed")
	}
	wantError(t, p.post("/api/agent/enroll/poll", first), 400, "nonce_mismatch")
	if waiting := p.e.Pending(); len(waiting) != 1 || waiting[0].Hostname != "renamed" {
		t.Errorf("pending: %+v", waiting)
	}
	if _, err := p.e.Approve(""); err != nil {
		t.Fatal(err)
	}
	if p.poll(); p.access == "" {
		t.Error("the newer request did not enroll")
	}
}

func TestProofIsUsedOnce(t *testing.T) {
	clock := newClock()
	p := enrolled(t, Config{Now: clock.now})
	reopen := func() { mustExec(t, p.e, `UPDATE approvals SET status = 'approved'`) }
	reopen()
	wantError(t, p.post("/api/agent/enroll/poll", p.proof()), http.StatusConflict, "proof_replayed")
	clock.pass(301 * time.Second)
	guid := p.guid
	if r := p.poll(); r.str("status") != "approved" || p.guid != guid {
		t.Errorf("after the window: %d %s", r.status, r.text)
	}
}

func TestTokensAreHandedOutOnce(t *testing.T) {
	p := newProbe(t, Start(t, Config{AutoApprove: true}), "host")
	p.ask()
	in := p.proof()
	const polls = 8
	answers := make(chan reply, polls)
	for range polls {
		go func() {
			r, err := p.try(http.MethodPost, "/api/agent/enroll/poll", in)
			if err != nil {
				t.Error(err)
			}
			answers <- r
		}()
	}
	handedOut := 0
	for range polls {
		r := <-answers
		if r.str("access_token") != "" {
			handedOut++
		} else if r.str("detail") != "finalized" {
			t.Errorf("%d %s", r.status, r.text)
		}
	}
	if handedOut != 1 || len(p.e.Devices()) != 1 {
		t.Errorf("tokens handed out %d times, %d devices", handedOut, len(p.e.Devices()))
	}
}

func TestInstallCodes(t *testing.T) {
	clock := newClock()
	e := Start(t, Config{AutoApprove: true, Now: clock.now})
	code, err := e.AddInstallCode(InstallCode{Code: "Mixed-Case", Expires: clock.now().Add(time.Hour), MaxUses: 1})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(p *probe, code string) reply {
		t.Helper()
		p.nonce = exampleNonce
		r := p.post("/api/agent/enroll/request", map[string]any{
			"hostname": p.host, "enrollment_code": code, "agent_pubkey": p.publicKey(), "client_nonce": p.nonce,
		})
		p.request = r.body
		return r
	}
	first, second := newProbe(t, e, "one"), newProbe(t, e, "two")
	wantError(t, ask(first, strings.ToUpper(code)), 400, "invalid_enrollment_code")
	if ask(first, code); first.poll().str("guid") == "" {
		t.Fatal("the code did not enroll")
	}
	wantError(t, ask(second, code), 400, "invalid_enrollment_code")
	if r := ask(first, code); r.status != http.StatusOK {
		t.Errorf("the key that used the code: %d %s", r.status, r.text)
	}
	clock.pass(time.Hour)
	wantError(t, ask(first, code), 400, "invalid_enrollment_code")
}

func TestHostNameRules(t *testing.T) {
	e := Start(t, Config{})
	first := newProbe(t, e, "Twin")
	first.enroll()
	second := newProbe(t, e, "twin")
	second.ask()
	if waiting := e.Pending(); waiting[0].Conflict != first.guid {
		t.Errorf("pending: %+v", waiting)
	}
	if _, err := e.Approve("twin"); !errors.Is(err, ErrConflict) {
		t.Fatalf("approve: %v", err)
	}
	if _, err := e.ApproveAs("twin", Coexist); err != nil {
		t.Fatal(err)
	}
	second.poll()
	if d := deviceByGUID(t, e, second.guid); d.Hostname != "twin-1" || second.guid == first.guid {
		t.Errorf("coexisting device: %+v", d)
	}
	again := first.guid
	first.enroll()
	if first.guid != again {
		t.Errorf("the same key got %s after %s", first.guid, again)
	}
	third := newProbe(t, e, "TWIN")
	third.ask()
	if _, err := e.ApproveAs("", Overwrite); err != nil {
		t.Fatal(err)
	}
	third.poll()
	d := deviceByGUID(t, e, again)
	if third.guid != again || d.TokenVersion != 2 || d.Fingerprint != third.fingerprint() || d.Status != StatusActive {
		t.Errorf("overwritten device: %+v", d)
	}
	wantError(t, first.post("/api/agent/heartbeat", "{}"), 403, "fingerprint_mismatch")
	wantError(t, first.post("/api/agent/token/refresh", map[string]any{"guid": first.guid, "refresh_token": first.refresh}), 401, "refresh_token_revoked")
}

func TestHostNameRunsOut(t *testing.T) {
	e := Start(t, Config{AutoApprove: true})
	last := newProbe(t, e, "")
	for range 52 {
		last = last.another(t, strings.Repeat("ł", 300))
		last.enroll()
	}
	if d := deviceByGUID(t, e, last.guid); d.Hostname != last.guid {
		t.Errorf("the 52nd device is called %q", d.Hostname)
	}
	names := map[string]bool{}
	for _, d := range e.Devices() {
		names[d.Hostname] = true
	}
	if base := strings.Repeat("ł", 253); !names[base] || !names[base+"-1"] || !names[base+"-50"] {
		t.Errorf("names: %v", names)
	}
}

func deviceByGUID(t *testing.T, e *Engine, guid string) Device {
	t.Helper()
	for _, d := range e.Devices() {
		if d.GUID == guid {
			return d
		}
	}
	t.Fatalf("no device %q", guid)
	return Device{}
}

func TestOperatorPicksPending(t *testing.T) {
	e := Start(t, Config{})
	if _, err := e.Approve(""); !errors.Is(err, ErrNoPending) {
		t.Errorf("nothing pending: %v", err)
	}
	got := make(chan Pending, 1)
	go func() {
		p, err := e.WaitPending(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- p
	}()
	one, two := newProbe(t, e, "one"), newProbe(t, e, "two")
	one.ask()
	if p := <-got; p.Hostname != "one" || p.Fingerprint != one.fingerprint() {
		t.Errorf("waited for %+v", p)
	}
	two.ask()
	if _, err := e.Approve(""); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("two pending: %v", err)
	}
	if d, err := e.Approve(strings.ToUpper(two.fingerprint()[:20])); err != nil || d.Hostname != "two" || d.Status != "approved" {
		t.Errorf("by fingerprint: %+v %v", d, err)
	}
	if d, err := e.Approve(""); err != nil || d.Hostname != "one" {
		t.Errorf("the last one: %+v %v", d, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.WaitPending(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("wait with an ended context: %v", err)
	}
}
