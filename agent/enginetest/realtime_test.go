package enginetest

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// line is an agent's socket with the events that it received.
type line struct {
	*socketio.Conn
	t      *testing.T
	events chan socketio.Message
}

// dial opens a socket as an agent does, with the probe's token.
func (p *probe) dial(polling bool) *line {
	p.t.Helper()
	l := &line{t: p.t, events: make(chan socketio.Message, 100)}
	header := http.Header{"X-Borealis-Agent-Context": {"SYSTEM"}}
	if p.access != "" {
		header.Set("Authorization", "Bearer "+p.access)
	}
	conn, err := socketio.Dial(p.t.Context(), socketio.Config{
		URL: p.e.URL(), Polling: polling, NoUpgrade: polling, HTTPClient: p.client, Header: header,
		OnEvent: func(m socketio.Message) { l.events <- m },
	})
	must(p.t, err)
	l.Conn = conn
	p.t.Cleanup(func() { conn.Close() })
	return l
}

// call emits and gives the acknowledgement as JSON.
func (l *line) call(event string, args ...any) string {
	l.t.Helper()
	ack, err := l.Call(l.t.Context(), event, args...)
	must(l.t, err)
	text, err := json.Marshal(ack)
	must(l.t, err)
	return string(text)
}

// next gives the next event of a name.
func (l *line) next(event string) map[string]any {
	l.t.Helper()
	for {
		select {
		case m := <-l.events:
			if m.Event != event {
				continue
			}
			var data map[string]any
			must(l.t, json.Unmarshal(m.Args[0], &data))
			return data
		case <-l.t.Context().Done():
			l.t.Fatalf("no %s", event)
		case <-l.Done():
			l.t.Fatalf("no %s: %v", event, l.Err())
		}
	}
}

// connect enrolls a device and registers its socket.
func connect(t *testing.T, cfg Config, polling bool) (*probe, *line) {
	t.Helper()
	cfg.AutoApprove = true
	p := enrolled(t, cfg)
	l := p.dial(polling)
	if ack := l.call("connect_agent", map[string]any{"agent_id": p.agentID(), "service_mode": "system"}); ack != `[{"status":"ok"}]` {
		t.Fatalf("connect_agent: %s", ack)
	}
	return p, l
}

func TestJobRoundTrip(t *testing.T) {
	for name, polling := range map[string]bool{"websocket": false, "polling": true} {
		t.Run(name, func(t *testing.T) {
			p, l := connect(t, Config{}, polling)
			if l.Transport() != name {
				t.Fatalf("transport %s", l.Transport())
			}
			d, err := p.e.WaitConnected(t.Context(), "lab-node-07")
			if err != nil || !d.Connected || d.GUID != p.guid || !p.e.Connected(p.agentID()) {
				t.Fatalf("%+v %v", d, err)
			}
			script := []byte("echo tern-7\r\n\xff")
			id, err := p.e.Send(Job{TargetHostname: "LAB-NODE-07", Script: script, Environment: map[string]string{"a-b": "1"}, TimeoutSeconds: 5})
			must(t, err)
			checkJob(t, p.e, l.next("quick_job_run"), id, script)
			if ack := l.call("quick_job_result", map[string]any{
				"job_id": id, "status": "Success", "stdout": "tern-7\n", "stderr": "", "context": map[string]any{"n": 1},
			}); ack != "[]" {
				t.Errorf("acknowledged with %s", ack)
			}
			r, err := p.e.Result(t.Context(), id)
			if err != nil || r.Status != "Success" || r.Stdout != "tern-7\n" || r.JobID != id || r.Context["n"] != 1.0 {
				t.Errorf("%+v %v", r, err)
			}
			if note := l.next("device_activity_changed"); note["activity_id"] != float64(id) {
				t.Errorf("note %v", note)
			}
		})
	}
}

// checkJob verifies a job as an agent does.
func checkJob(t *testing.T, e *Engine, job map[string]any, id int64, script []byte) {
	t.Helper()
	decode := func(key string) []byte {
		b, err := base64.StdEncoding.DecodeString(job[key].(string))
		must(t, err)
		return b
	}
	if !ed25519.Verify(e.SigningKey(), script, decode("signature")) || string(decode("script_content")) != string(script) {
		t.Errorf("the signature does not cover the script: %v", job)
	}
	if job["signing_key"] != e.signingKeyText() || job["sig_alg"] != "ed25519" || job["script_encoding"] != "base64" {
		t.Errorf("signature fields: %v", job)
	}
	if job["job_id"] != float64(id) || job["target_hostname"] != "LAB-NODE-07" || job["script_type"] != "bash" ||
		job["run_mode"] != "system" || job["timeout_seconds"] != 5.0 {
		t.Errorf("fields: %v", job)
	}
	if env := job["environment"].(map[string]any); env["A_B"] != "1" || env["a_b"] != "1" || len(env) != 2 {
		t.Errorf("environment: %v", env)
	}
	keys := []string{
		"admin_pass", "admin_user", "context", "environment", "files", "job_id", "run_mode", "script_content", "script_encoding",
		"script_name", "script_path", "script_type", "sig_alg", "signature", "signing_key", "target_hostname", "timeout_seconds", "variables",
	}
	var got []string
	for k := range job {
		got = append(got, k)
	}
	if slices.Sort(got); !slices.Equal(got, keys) {
		t.Errorf("keys %v", got)
	}
}

// TestSignatureVectors holds the contract's vectors: seed 00..1f, the script of 2.1, and the empty script.
func TestSignatureVectors(t *testing.T) {
	seed, err := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	must(t, err)
	text, err := encodeKey(ed25519.NewKeyFromSeed(seed))
	must(t, err)
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "keys"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, fileScriptKey), text, 0o600))
	e := Start(t, Config{Dir: dir})
	if got := e.signingKeyText(); got != "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=" {
		t.Errorf("signing key %s", got)
	}
	job := Job{
		ScriptType: "powershell", Script: []byte("Write-Output $env:GREETING\r\n"),
		Variables: []Variable{{Name: "greeting", Type: "string", Default: "gull", Value: "tern-7"}},
	}
	payload := e.payload(job.withDefaults(), 4711)
	if payload["script_content"] != "V3JpdGUtT3V0cHV0ICd0ZXJuLTcnCg==" ||
		payload["signature"] != "8sWBwh9qM+xMiuWWEj4zEGhtsM3aZs0aCJRhX7W/kpuL2qUzxaqmRuFdHkW0supbZJjfRx4MDuigVv1AGqL9Ag==" {
		t.Errorf("%v", payload)
	}
	if got := base64.StdEncoding.EncodeToString(e.Sign(nil)); got != "nKU1eVMGVNXD33cInvRe2mE+L+32cOlr7axGOVBOWEXvS5XVeTB3Iz3RaBeyUy6cVSWHKnOkrXS3WTaangXBAg==" {
		t.Errorf("the empty script: %s", got)
	}
}

func TestTamper(t *testing.T) {
	p, l := connect(t, Config{}, false)
	_, err := p.e.Send(Job{Script: []byte("true"), Tamper: func(m map[string]any) {
		delete(m, "signature")
		m["script_content"] = "ZmFsc2U="
	}})
	must(t, err)
	job := l.next("quick_job_run")
	if _, found := job["signature"]; found || job["script_content"] != "ZmFsc2U=" || job["sig_alg"] != "ed25519" {
		t.Errorf("%v", job)
	}
}

func TestResults(t *testing.T) {
	dir := t.TempDir()
	p, l := connect(t, Config{Dir: dir}, false)
	id, err := p.e.Send(Job{})
	must(t, err)
	waited := make(chan Result, 1)
	go func() {
		r, err := p.e.Result(t.Context(), id)
		if err != nil {
			t.Error(err)
		}
		waited <- r
	}()
	for _, status := range []string{"running", "", "Failed"} {
		l.call("quick_job_result", map[string]any{"job_id": json.Number("1.0"), "status": status, "stdout": 7, "stderr": nil})
	}
	if r := <-waited; r.Status != "Failed" || r.Stdout != "7" || r.Stderr != "" || r.Context != nil {
		t.Errorf("%+v", r)
	}
	statuses := func(e *Engine) (list []string) {
		for _, r := range e.Results(id) {
			list = append(list, r.Status)
		}
		return list
	}
	want := []string{"running", "Failed", "Failed"}
	if got := statuses(p.e); !slices.Equal(got, want) {
		t.Errorf("results %v", got)
	}
	for _, dropped := range []any{map[string]any{"status": "Success"}, map[string]any{"job_id": 99}, "text", 7, map[string]any{"job_id": "x"}} {
		l.call("quick_job_result", dropped)
	}
	l.Close()
	must(t, p.e.Close())
	again := Start(t, Config{Dir: dir})
	if got := statuses(again); !slices.Equal(got, want) {
		t.Errorf("results after a restart: %v", got)
	}
	if next, err := again.Send(Job{}); err != nil || next != id+1 {
		t.Errorf("the next job is %d: %v", next, err)
	}
}

func TestResultWait(t *testing.T) {
	e := Start(t, Config{})
	if _, err := e.Result(t.Context(), 7); !errors.Is(err, ErrNoJob) {
		t.Errorf("no job: %v", err)
	}
	id, err := e.Send(Job{})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := e.Result(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no result: %v", err)
	}
}

func TestConnectAgent(t *testing.T) {
	e := Start(t, Config{})
	p := newProbe(t, e, "host")
	l := p.dial(false) // any socket may register any agent id
	for _, c := range []struct {
		arg  any
		want string
	}{
		{map[string]any{"agent_id": "  "}, `[{"error":"agent_id_required"}]`},
		{map[string]any{"agent_id": 7}, `[{"error":"agent_id_required"}]`},
		{nil, `[{"error":"agent_id_required"}]`},
		{"BARE-HOST_" + exampleRef + "_SYSTEM", `[{"status":"ok"}]`},
		{map[string]any{"agent_id": " A B_C_G_SYSTEM ", "service_mode": "system"}, `[{"status":"ok"}]`},
	} {
		if got := l.call("connect_agent", c.arg); got != c.want {
			t.Errorf("connect_agent %v: %s", c.arg, got)
		}
	}
	if got := l.call("connect_agent"); got != `[{"error":"agent_id_required"}]` {
		t.Errorf("connect_agent without an argument: %s", got)
	}
	if d, err := e.WaitConnected(t.Context(), "bare-host"); err != nil || d.GUID != "" || !d.Connected {
		t.Errorf("%+v %v", d, err)
	}
	if !e.Connected("A B_C_G_SYSTEM") {
		t.Error("the trimmed agent id is not registered")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.WaitConnected(ended, "nobody"); !errors.Is(err, ErrNotConnected) || !errors.Is(err, context.Canceled) {
		t.Errorf("nobody: %v", err)
	}
}

func TestLastSocketOfAnAgentIsAddressed(t *testing.T) {
	p, first := connect(t, Config{}, false)
	second := p.dial(false)
	second.call("connect_agent", p.agentID())
	must(t, p.e.Emit(p.agentID(), "direct", map[string]any{"n": 1}))
	must(t, p.e.Emit("", "everybody", map[string]any{"n": 2}))
	if second.next("direct")["n"] != 1.0 || second.next("everybody")["n"] != 2.0 || first.next("everybody")["n"] != 2.0 {
		t.Error("wrong data")
	}
	first.Close()
	must(t, p.e.changed.wait(t.Context(), func() (bool, error) { return len(p.e.hub.server.Sockets()) == 1, nil }))
	if !p.e.Connected(p.agentID()) {
		t.Error("the older socket's end unregistered the newer one")
	}
	must(t, p.e.Disconnect(p.agentID()))
	<-second.Done()
	must(t, p.e.changed.wait(t.Context(), func() (bool, error) { return !p.e.Connected(p.agentID()), nil }))
	if err := p.e.Emit(p.agentID(), "direct", nil); !errors.Is(err, ErrNotConnected) {
		t.Errorf("emit: %v", err)
	}
	if err := p.e.Disconnect(p.agentID()); !errors.Is(err, ErrNotConnected) {
		t.Errorf("disconnect: %v", err)
	}
	if d := p.e.Devices()[0]; d.Connected {
		t.Errorf("%+v", d)
	}
}

func TestEventsAreRecordedAndUnknownOnesNotAcknowledged(t *testing.T) {
	p, l := connect(t, Config{}, false)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := l.Call(ctx, "macro_status", map[string]any{"success": true})
		asked <- err
	}()
	must(t, p.e.changed.wait(t.Context(), func() (bool, error) { return len(p.e.Events()) == 2, nil }))
	l.call("connect_agent", p.agentID()) // answered after it, so macro_status was not
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("macro_status was acknowledged: %v", err)
	}
	ev := p.e.Events()[1]
	if ev.Event != "macro_status" || ev.AgentID != p.agentID() || !ev.AckAsked || string(ev.Data) != `{"success":true}` || ev.SocketID != l.ID() {
		t.Errorf("%+v", ev)
	}
	must(t, l.Emit(t.Context(), "bare"))
	must(t, p.e.changed.wait(t.Context(), func() (bool, error) { return len(p.e.Events()) == 4, nil }))
	if ev := p.e.Events()[3]; ev.Event != "bare" || ev.Data != nil || ev.AckAsked {
		t.Errorf("%+v", ev)
	}
}

func TestMutedAcks(t *testing.T) {
	p, l := connect(t, Config{}, false)
	p.e.MuteAcks(true)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := l.Call(ctx, "quick_job_result", map[string]any{"job_id": 1})
		asked <- err
	}()
	must(t, p.e.changed.wait(t.Context(), func() (bool, error) { return len(p.e.Events()) == 2, nil }))
	p.e.MuteAcks(false)
	l.call("connect_agent", p.agentID())
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("acknowledged: %v", err)
	}
}

func TestFaultOnTheSocket(t *testing.T) {
	p := newProbe(t, Start(t, Config{}), "host")
	p.e.Fault("/socket.io/", func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "no", http.StatusForbidden)
		return true
	})
	_, err := socketio.Dial(t.Context(), socketio.Config{URL: p.e.URL(), HTTPClient: p.client})
	var refused *socketio.HandshakeError
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("%v", err)
	}
}

func TestRecordHasAnEnd(t *testing.T) {
	var r record
	for range maxEvents + 5 {
		r.event(Received{})
	}
	r.event(Received{Event: "last"})
	if len(r.events) != maxEvents || r.events[maxEvents-1].Event != "last" {
		t.Errorf("%d events", len(r.events))
	}
	big := json.RawMessage(strings.Repeat("x", maxEventBytes/2+1))
	for range 3 {
		r.event(Received{Data: big})
	}
	if len(r.events) != 1 || r.eventBytes != len(big) {
		t.Errorf("%d events of %d bytes", len(r.events), r.eventBytes)
	}
	for range maxHeartbeats + 5 {
		r.heartbeat("x", Heartbeat{})
	}
	if len(r.heartbeats["x"]) != maxHeartbeats {
		t.Errorf("%d heartbeats", len(r.heartbeats["x"]))
	}
}

func TestSplitAgentID(t *testing.T) {
	for id, want := range map[string][3]string{
		"LAB_PC_GUID-1_SYSTEM": {"LAB_PC", "GUID-1", "SYSTEM"}, "H_G_C": {"H", "G", "C"}, "HOST_GUID": {"HOST", "", "GUID"}, "plain": {"", "", ""}, "": {"", "", ""},
	} {
		host, guid, context := splitAgentID(id)
		if got := [3]string{host, guid, context}; got != want {
			t.Errorf("%q: %q", id, got)
		}
	}
}
