package enginetest

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

// same compares two JSON texts as values.
func same(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%q: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%q: %v", want, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHeartbeat(t *testing.T) {
	clock := newClock()
	p := enrolled(t, Config{AutoApprove: true, Now: clock.now})
	p.onlyPlain = true // heartbeats are parsed whatever the content type
	p.header.Set("X-Borealis-Agent-Context", "SYSTEM")
	clock.pass(400 * time.Second)
	if d := deviceByGUID(t, p.e, p.guid); d.Online {
		t.Error("online 400 s after enrollment")
	}
	r := p.post("/api/agent/heartbeat", `{"guid":"ignored","hostname":"new-name","unknown":1,"external_ip":"203.0.113.9",
		"metrics":{"service_mode":"system","uptime":"86512","last_user":"amy","operating_system":"Debian","cpu_percent":3.2},
		"inventory":{"cpu":{"name":"x"},"software":[],"other":1}}`)
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.text)
	}
	same(t, r.text, `{"status":"ok","poll_after_ms":15000}`)
	d := deviceByGUID(t, p.e, p.guid)
	if !d.Online || d.Hostname != "new-name" || !d.LastSeen.Equal(clock.now()) {
		t.Errorf("device: %+v", d)
	}
	facts, _ := json.Marshal(d.Facts)
	same(t, string(facts), `{"external_ip":"203.0.113.9","uptime":86512,"last_user":"amy","operating_system":"Debian"}`)
	same(t, string(p.e.Details(p.guid)), `{"cpu":{"name":"x"},"software":[]}`)
	beats := p.e.Heartbeats(p.guid)
	if len(beats) != 1 || beats[0].Hostname != "new-name" || beats[0].Context != "SYSTEM" || beats[0].Metrics["service_mode"] != "system" {
		t.Errorf("heartbeats: %+v", beats)
	}
}

func TestHeartbeatKeepsNameOnClash(t *testing.T) {
	e := Start(t, Config{AutoApprove: true})
	one, two := newProbe(t, e, "one"), newProbe(t, e, "two")
	one.enroll()
	two.enroll()
	if r := two.post("/api/agent/heartbeat", map[string]any{"hostname": "ONE"}); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.text)
	}
	if d := deviceByGUID(t, e, two.guid); d.Hostname != "two" {
		t.Errorf("renamed to %q", d.Hostname)
	}
}

func TestHeartbeatOfVanishedDevice(t *testing.T) {
	e := Start(t, Config{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
	a, err := e.heartbeat(withCaller(r, claims{GUID: newGUID()}))
	if err != nil || a.status != 404 || a.body.(object)["error"] != "device_not_registered" {
		t.Errorf("%+v %v", a, err)
	}
}

func TestDeviceRoutesWantACaller(t *testing.T) {
	e := Start(t, Config{})
	for _, route := range e.routes {
		if !route.device || route.path == "/api/agent/hash" {
			continue
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, route.path, strings.NewReader("{}"))
		a, err := route.serve(r)
		if err != nil || a.status != 500 || a.body.(object)["error"] != "auth_context_missing" {
			t.Errorf("%s: %+v %v", route.path, a, err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if a, err := e.agentHash(r); err != nil || a.status != 403 || a.body.(object)["error"] != "guid_required" {
		t.Errorf("hash: %+v %v", a, err)
	}
	r = withCaller(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), claims{GUID: newGUID()})
	if a, err := e.agentHash(r); err != nil || a.status != 404 || a.body.(object)["error"] != "agent hash not found" {
		t.Errorf("hash of nobody: %+v %v", a, err)
	}
}

func TestScriptRequest(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	r := p.post("/api/agent/script/request", map[string]any{"guid": p.guid})
	same(t, r.text, `{"status":"idle","poll_after_ms":30000,"sig_alg":"ed25519","signing_key":"`+p.e.signingKeyText()+`"}`)
}

func TestDetails(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	r := p.post("/api/agent/details", `{"agent_id":"`+p.agentID()+`","hostname":"LAB-NODE-07","agent_hash":"0c1d","details":{
		"summary":{"os":"Debian","uptime_sec":86512,"private_ip":"10.1.2.3","username":"amy","type":"Server","total_ram":8589934592},
		"software":[{"name":"bash","version":"5.2"}],"memory":[{"slot":"a"}]}}`)
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.text)
	}
	same(t, r.text, `{"status":"ok"}`)
	r = p.post("/api/agent/details", `{"details":{"summary":{"hostname":"LAB-NODE-07","os":"","domain":null,"last_boot":"2026-02-01 06:12:09"},
		"software":[{"name":"zsh"}],"memory":[],"cpu":{}}}`)
	if r.status != 200 {
		t.Fatalf("host name in the summary alone: %d %s", r.status, r.text)
	}
	same(t, string(p.e.Details(p.guid)), `{"summary":{"os":"Debian","uptime_sec":86512,"private_ip":"10.1.2.3","username":"amy",
		"type":"Server","total_ram":8589934592,"hostname":"LAB-NODE-07","last_boot":"2026-02-01 06:12:09"},
		"software":[{"name":"zsh"}],"memory":[{"slot":"a"}]}`)
	d := deviceByGUID(t, p.e, p.guid)
	facts, _ := json.Marshal(d.Facts)
	same(t, string(facts), `{"operating_system":"Debian","uptime":86512,"internal_ip":"10.1.2.3",
		"last_user":"amy","device_type":"Server","last_reboot":"2026-02-01 06:12:09"}`)
	if len(d.AgentIDs) != 1 || d.AgentIDs[0] != p.agentID() {
		t.Errorf("agent ids: %v", d.AgentIDs)
	}
}

func TestDetailsErrors(t *testing.T) {
	e := Start(t, Config{AutoApprove: true})
	one, two := newProbe(t, e, "one"), newProbe(t, e, "two")
	one.enroll()
	two.enroll()
	for name, in := range map[string]string{
		"no JSON": "hello", "no details": `{"hostname":"one"}`, "details no object": `{"hostname":"one","details":[1]}`,
		"no host name": `{"details":{"summary":{}}}`,
	} {
		t.Run(name, func(t *testing.T) { wantError(t, one.post("/api/agent/details", in), 400, "invalid payload") })
	}
	good := `{"hostname":"one","details":{}}`
	wantError(t, two.post("/api/agent/details", good), 403, "fingerprint_mismatch")
	mustExec(t, e, `UPDATE devices SET fingerprint = ? WHERE guid = ?`, two.fingerprint(), one.guid)
	wantError(t, two.post("/api/agent/details", good), 403, "guid_mismatch")
	two.onlyPlain = true
	wantError(t, two.post("/api/agent/details", good), 400, "invalid payload")
}

func TestVPNEnsure(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	wantError(t, p.post("/api/agent/vpn/ensure", map[string]any{"agent_id": p.agentID(), "reason": "agent_boot"}), 404, "agent_id_missing")
	p.reportDetails()
	r := p.post("/api/agent/vpn/ensure", map[string]any{"agent_id": "somebody else"})
	wantError(t, r, 500, "tunnel_start_failed")
	if r.str("detail") == "" {
		t.Errorf("no detail: %s", r.text)
	}
	p = enrolled(t, Config{AutoApprove: true, OnDemand: true})
	if r := p.post("/api/agent/vpn/ensure", "{}"); r.status != 404 || r.body != nil {
		t.Errorf("on demand: %d %s", r.status, r.text)
	}
}

func TestAgentHash(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	const path = "/api/agent/hash"
	same(t, p.call("GET", path, nil).text, `{"agent_hash":null,"agent_guid":"`+p.guid+`","hostname":"LAB-NODE-07"}`)
	wantError(t, p.post(path, "{}"), 400, "agent_hash required")
	wantError(t, p.post(path, map[string]any{"agent_hash": "1", "agent_guid": newGUID()}), 403, "guid_mismatch")
	wantError(t, p.call("GET", path+"?agent_guid="+newGUID(), nil), 403, "guid_mismatch")
	r := p.post(path, map[string]any{"agent_hash": "0c1d2e3f", "agent_id": p.agentID()})
	same(t, r.text, `{"status":"ok","agent_hash":"0c1d2e3f","agent_id":"`+p.agentID()+`","agent_guid":"`+p.guid+`","hostname":"LAB-NODE-07"}`)
	r = p.call("GET", path+"?agent_guid="+p.guid, nil)
	same(t, r.text, `{"agent_hash":"0c1d2e3f","agent_guid":"`+p.guid+`","hostname":"LAB-NODE-07"}`)
	p.onlyPlain = true
	wantError(t, p.post(path, map[string]any{"agent_hash": "0c1d2e3f"}), 400, "agent_hash required")
	ignored, err := (*device)(nil).keepHash(nil, body{"agent_hash": "1"}, p.guid)
	if err != nil || ignored.body.(object)["status"] != "ignored" {
		t.Errorf("without a row: %+v %v", ignored, err)
	}
}

func TestOtherPaths(t *testing.T) {
	plain := newProbe(t, Start(t, Config{}), "host")
	webUI := newProbe(t, Start(t, Config{WebUI: true}), "host")
	for _, c := range []struct {
		p            *probe
		method, path string
		status       int
	}{
		{plain, "POST", "/health", 405},
		{plain, "GET", "/api/agent/heartbeat", 405},
		{plain, "GET", "/anything", 404},
		{plain, "POST", "/api/agent/checkin", 404},
		{webUI, "GET", "/api/agent/heartbeat", 200},
		{webUI, "GET", "/anything", 200},
		{webUI, "POST", "/api/agent/checkin", 405},
	} {
		r := c.p.call(c.method, c.path, nil)
		if r.status != c.status {
			t.Errorf("web UI %v: %s %s: %d, want %d", c.p.e.cfg.WebUI, c.method, c.path, r.status, c.status)
		}
		if kind := r.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
			t.Errorf("%s %s: content type %q", c.method, c.path, kind)
		}
	}
}

func TestHealth(t *testing.T) {
	p := newProbe(t, Start(t, Config{}), "host")
	same(t, p.call("GET", "/health", nil).text, `{"status":"ok"}`)
}

func TestUnknownDevice(t *testing.T) {
	e := Start(t, Config{})
	for name, err := range map[string]error{
		"status": e.SetStatus("x", "y"), "revoke": e.RevokeTokens("x"), "forget": e.Forget("x"), "purge": e.Purge("x"),
	} {
		if !errors.Is(err, ErrNoDevice) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := e.Details("x"); got != nil {
		t.Errorf("details: %s", got)
	}
}

func TestFault(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	var calls int
	p.e.Fault("/api/agent/heartbeat", func(w http.ResponseWriter, r *http.Request) bool {
		calls++
		if calls == 1 {
			http.Error(w, "broken", http.StatusBadGateway)
		}
		return calls == 1
	})
	for i, want := range []int{502, 200} {
		if r := p.post("/api/agent/heartbeat", map[string]any{"hostname": "host"}); r.status != want {
			t.Errorf("call %d: %d %s", i, r.status, r.text)
		}
	}
	p.e.Fault("/api/agent/heartbeat", nil)
	p.post("/api/agent/heartbeat", "{}")
	if calls != 2 || len(p.e.Heartbeats(p.guid)) != 2 {
		t.Errorf("%d calls, %d heartbeats", calls, len(p.e.Heartbeats(p.guid)))
	}
}

func TestInternalError(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	mustExec(t, p.e, `UPDATE devices SET facts = 'damaged'`)
	wantError(t, p.post("/api/agent/details", `{"hostname":"LAB-NODE-07","details":{}}`), 500, "internal error")
}
