package enginetest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzREST gives any bytes to any endpoint: the Engine answers JSON, or a page, and never 500 except where a real one
// does.
func FuzzREST(f *testing.F) {
	e, err := New(Config{AutoApprove: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { e.Close() })
	d := newDevice(newGUID(), "fuzzed", examplePrint, e.now())
	if _, err := e.store.db.Exec(`INSERT INTO devices (guid, hostname, fingerprint, last_seen) VALUES (?, ?, ?, 0)`, d.guid, d.hostname, d.fingerprint); err != nil {
		f.Fatal(err)
	}
	access, err := e.tokens.mint(d)
	if err != nil {
		f.Fatal(err)
	}
	for i := range e.routes {
		f.Add(uint8(i), `{"hostname":"h","details":{"summary":{"uptime":1e400}},"metrics":{"uptime":"1e3"},"inventory":{"cpu":[]}}`)
	}
	f.Add(uint8(1), `{"hostname":"h","enrollment_code":"c","agent_pubkey":"`+exampleKey+`","client_nonce":"`+exampleNonce+`"}`)
	f.Add(uint8(2), `{"approval_reference":"`+exampleRef+`","client_nonce":"`+exampleNonce+`","proof_sig":"`+exampleProof+`"}`)
	f.Add(uint8(5), "\xff\xfe{")
	f.Fuzz(func(t *testing.T, which uint8, in string) {
		route := e.routes[int(which)%len(e.routes)]
		r := httptest.NewRequestWithContext(t.Context(), route.methods[len(route.methods)-1], route.path, strings.NewReader(in))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+access)
		w := httptest.NewRecorder()
		e.handle(w, r)
		var told map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil {
			t.Errorf("%s: %d %q", route.path, w.Code, w.Body)
		}
		if w.Code >= 500 && told["error"] != "tunnel_start_failed" {
			t.Errorf("%s: %d %q", route.path, w.Code, w.Body)
		}
	})
}

// FuzzTokens gives any text as access token and as DPoP proof.
func FuzzTokens(f *testing.F) {
	e, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { e.Close() })
	encode := base64.RawURLEncoding.EncodeToString
	f.Add("")
	f.Add(encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(`{"guid":"x"}`)) + ".")
	f.Add(encode([]byte(`{"alg":"ES256","jwk":{"crv":"P-256","x":"AA","y":""}}`)) + "." + encode([]byte(`{}`)) + ".AAAA")
	f.Add(encode([]byte(`{"alg":"EdDSA","jwk":{"crv":"Ed25519","x":7}}`)) + "." + encode([]byte(`{"exp":"x"}`)) + ".AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := e.tokens.read(text); err == nil {
			t.Errorf("a token that nobody signed: %+v", c)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header["Dpop"] = []string{text}
		e.checkDPoP(r, "")
	})
}

// FuzzEvents gives any payload to the events that the Engine reads.
func FuzzEvents(f *testing.F) {
	e, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { e.Close() })
	if _, err := e.Send(Job{}); err != nil { // so that job 1 can have results
		f.Fatal(err)
	}
	f.Add(true, `{"job_id":1,"status":"Success","stdout":{"a":[1]},"context":7}`)
	f.Add(true, `{"job_id":1e999}`)
	f.Add(false, `{"agent_id":"A_B_C","service_mode":[]}`)
	f.Add(false, `"A_B_C"`)
	f.Fuzz(func(t *testing.T, result bool, in string) {
		if result {
			e.takeResult(json.RawMessage(in))
			return
		}
		id, mode := readConnect(json.RawMessage(in))
		if !json.Valid([]byte(in)) && id+mode != "" || id != strings.TrimSpace(id) {
			t.Errorf("%q: agent id %q, mode %q", in, id, mode)
		}
	})
}

// FuzzSubstitute checks that what is put into a script is inside quotes, whatever it is.
func FuzzSubstitute(f *testing.F) {
	f.Add("$env:A", "'; rm '")
	f.Add("$env:{A}$env:a", "$env:A")
	f.Fuzz(func(t *testing.T, script, value string) {
		out := substitute("$env:A", Job{Environment: map[string]string{"A": value}})
		inner := strings.TrimSuffix(strings.TrimPrefix(out, "'"), "'")
		if len(out) < 2 || strings.ReplaceAll(inner, "''", "'") != value || strings.Contains(strings.ReplaceAll(inner, "''", ""), "'") {
			t.Errorf("%q became %s", value, out)
		}
		if out := substitute(script, Job{}); out != script {
			t.Errorf("without variables %q became %q", script, out)
		}
	})
}
