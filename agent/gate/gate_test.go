package gate

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// The vectors of the realtime contract, sections 2.1 and 2.6: the seed is the bytes 00 to 1f.
const (
	vectorKey   = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
	vectorSig   = "8sWBwh9qM+xMiuWWEj4zEGhtsM3aZs0aCJRhX7W/kpuL2qUzxaqmRuFdHkW0supbZJjfRx4MDuigVv1AGqL9Ag=="
	vectorEmpty = "nKU1eVMGVNXD33cInvRe2mE+L+32cOlr7axGOVBOWEXvS5XVeTB3Iz3RaBeyUy6cVSWHKnOkrXS3WTaangXBAg=="
	vectorJob   = `{"job_id":4711,"target_hostname":"LAB-PC7","script_type":"powershell","script_name":"Say tern",
"script_path":"Scripts/Demo/Say_Tern.json","script_content":"V3JpdGUtT3V0cHV0ICd0ZXJuLTcnCg==","script_encoding":"base64",
"environment":{"GREETING":"tern","greeting":"tern"},
"variables":[{"name":"greeting","label":"","type":"string","default":"gull","required":false,"description":"","value":"tern"}],
"timeout_seconds":120,"files":[],"run_mode":"system","admin_user":"","admin_pass":"",
"signature":"8sWBwh9qM+xMiuWWEj4zEGhtsM3aZs0aCJRhX7W/kpuL2qUzxaqmRuFdHkW0supbZJjfRx4MDuigVv1AGqL9Ag==",
"sig_alg":"ed25519","signing_key":"MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
"context":{"assembly_source":"runtime","assembly_guid":"3d0c9a1be47f4b7e9f21c0ffee123456"}}`
	vectorScript  = "Write-Output 'tern-7'\n"
	vectorContext = `{"assembly_source":"runtime","assembly_guid":"3d0c9a1be47f4b7e9f21c0ffee123456"}`
	agentID       = "LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM"
)

// engineKey is the key of the vectors.
func engineKey() ed25519.PrivateKey {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i)
	}
	return ed25519.NewKeyFromSeed(seed)
}

func newGate(mode wire.Mode, change ...func(*Config)) *Gate {
	cfg := Config{
		Hostname: "lab-pc7", Mode: mode, AgentID: func() string { return agentID },
		SigningKey: func() ed25519.PublicKey { return engineKey().Public().(ed25519.PublicKey) },
		Ledger:     &ledger{},
	}
	for _, c := range change {
		c(&cfg)
	}
	return New(cfg)
}

// ledger is a Ledger in memory.
type ledger struct {
	mu    sync.Mutex
	began map[[32]byte]wire.Result
	fails error
}

func (l *ledger) Begin(key [32]byte, _ json.RawMessage, will wire.Result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.began[key]; there {
		return ErrReplay
	}
	if l.fails != nil {
		return l.fails
	}
	if l.began == nil {
		l.began = map[[32]byte]wire.Result{}
	}
	l.began[key] = will
	return nil
}

// vector is the contract's job with some fields changed; a nil value takes a field out.
func vector(t *testing.T, changes map[string]any) wire.Event {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(vectorJob), &fields); err != nil {
		t.Fatal(err)
	}
	maps.Copy(fields, changes)
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == nil })
	data, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Event{Name: wire.EventJobRun, Data: data, At: time.Unix(1770000000, 0)}
}

func sign(script string) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(engineKey(), []byte(script)))
}

func TestVectorOfTheContractIsAdmitted(t *testing.T) {
	in := wire.Event{Name: wire.EventJobRun, Data: json.RawMessage(vectorJob), At: time.Unix(1770000000, 0)}
	ev, err := newGate(wire.System).Admit(in)
	if err != nil {
		t.Fatal(err)
	}
	if string(ev.Bytes["script"]) != vectorScript || len(ev.Bytes) != 1 || ev.Name != in.Name || !ev.At.Equal(in.At) {
		t.Errorf("admitted %+v", ev)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(ev.Data, &fields); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"script_content", "signature", "sig_alg", "signing_key", "admin_pass", "script"} {
		if _, ok := fields[key]; ok {
			t.Errorf("the role would see %q", key)
		}
	}
	for key, want := range map[string]string{"job_id": "4711", "context": vectorContext, "run_mode": `"system"`, "timeout_seconds": "120", "script_type": `"powershell"`} {
		if string(fields[key]) != want {
			t.Errorf("%s is %s, want %s", key, fields[key], want)
		}
	}
	if string(in.Data) != vectorJob {
		t.Error("the event that came in was changed")
	}
}

// TestAdmittedJobs are the forms that a good job may have.
func TestAdmittedJobs(t *testing.T) {
	const text = "echo żółw"
	for name, c := range map[string]struct {
		changes map[string]any
		script  string
	}{
		"another case of the host": {map[string]any{"target_hostname": " Lab-Pc7 "}, vectorScript},
		"no host":                  {map[string]any{"target_hostname": nil}, vectorScript},
		"any host":                 {map[string]any{"target_hostname": "*"}, vectorScript},
		"unknown host":             {map[string]any{"target_hostname": "(Unknown)"}, vectorScript},
		"no algorithm":             {map[string]any{"sig_alg": nil}, vectorScript},
		"eddsa":                    {map[string]any{"sig_alg": " EdDSA"}, vectorScript},
		"white space in base64":    {map[string]any{"script_content": " V3JpdGUt\r\nT3V0cHV0\tICd0\u00a0ZXJuLTcnCg==\n", "signature": vectorSig[:20] + "\n " + vectorSig[20:]}, vectorScript},
		"no encoding":              {map[string]any{"script_encoding": nil}, vectorScript},
		"b64":                      {map[string]any{"script_encoding": "B64"}, vectorScript},
		"empty script":             {map[string]any{"script_content": "", "signature": vectorEmpty}, ""},
		"null script":              {map[string]any{"script_content": json.RawMessage("null"), "signature": vectorEmpty}, ""},
		"plain text":               {map[string]any{"script_content": text, "script_encoding": "utf-8", "signature": sign(text)}, text},
		"plain text like base64":   {map[string]any{"script_content": "shutdown", "script_encoding": "plain", "signature": sign("shutdown")}, "shutdown"},
		"base64 said to be plain":  {map[string]any{"script_encoding": "plain"}, vectorScript},
		"upper-case mode":          {map[string]any{"run_mode": "SYSTEM "}, vectorScript},
		"bash":                     {map[string]any{"script_type": "bash"}, vectorScript},
		"text as the job's id":     {map[string]any{"job_id": "4711"}, vectorScript},
		"another key's name":       {map[string]any{"signing_key": "MCowBQYDK2VwAyEAebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="}, vectorScript},
		"a script of its own":      {map[string]any{"script": "rm -rf /"}, vectorScript},
	} {
		ev, err := newGate(wire.System).Admit(vector(t, c.changes))
		if err != nil || string(ev.Bytes["script"]) != c.script || ev.Bytes["script"] == nil {
			t.Errorf("%s: %v, script %q; want %q", name, err, ev.Bytes["script"], c.script)
		}
		if bytes.Contains(ev.Data, []byte("rm -rf")) || !bytes.Contains(ev.Data, []byte(`"run_mode":"system"`)) {
			t.Errorf("%s: the role would see %s", name, ev.Data)
		}
	}
}

// TestRefusedJobs are answered with Failed, the job's id and its context.
func TestRefusedJobs(t *testing.T) {
	theirs := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	foreign := base64.StdEncoding.EncodeToString(ed25519.Sign(theirs, []byte(vectorScript)))
	for name, c := range map[string]struct {
		changes map[string]any
		reason  string
	}{
		"no signature":            {map[string]any{"signature": nil, "sig_alg": nil, "signing_key": nil}, "not signed"},
		"blank signature":         {map[string]any{"signature": " \n"}, "not signed"},
		"bad signature":           {map[string]any{"signature": vectorEmpty}, "does not fit"},
		"short signature":         {map[string]any{"signature": "AAAA"}, "not an Ed25519 signature"},
		"signature no base64":     {map[string]any{"signature": "%%%%"}, "not an Ed25519 signature"},
		"signature of a number":   {map[string]any{"signature": 5}, `"signature"`},
		"another script":          {map[string]any{"script_content": "cm0gLXJmIC8="}, "does not fit"},
		"another key, brought":    {map[string]any{"signature": foreign, "signing_key": spki(theirs)}, "does not fit"},
		"another algorithm":       {map[string]any{"sig_alg": "rsa"}, "algorithm"},
		"algorithm of a number":   {map[string]any{"sig_alg": 1}, `"sig_alg"`},
		"no base64":               {map[string]any{"script_content": "echo hello"}, "base64"},
		"base64 of the URL kind":  {map[string]any{"script_content": "_-8="}, "base64"},
		"cut base64":              {map[string]any{"script_content": "V3JpdGU"}, "base64"},
		"content of an object":    {map[string]any{"script_content": map[string]any{}}, `"script_content"`},
		"admin":                   {map[string]any{"run_mode": "Admin"}, "admin"},
		"unknown mode":            {map[string]any{"run_mode": "root"}, "unknown"},
		"user's, and nobody here": {map[string]any{"run_mode": "current_user"}, "no user is logged in"},
		"no mode":                 {map[string]any{"run_mode": nil}, "no user is logged in"},
	} {
		_, err := newGate(wire.System).Admit(vector(t, c.changes))
		var refusal *Refusal
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, c.reason) {
			t.Errorf("%s: %v, want a refusal for %q", name, err, c.reason)
			continue
		}
		checkAnswer(t, name, refusal, "4711", vectorContext)
	}
}

func spki(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(append([]byte("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"), key.Public().(ed25519.PublicKey)...))
}

// checkAnswer checks the whole payload of a refusal.
func checkAnswer(t *testing.T, name string, r *Refusal, id, context string) {
	t.Helper()
	reason, err := json.Marshal(r.Reason)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"job_id":` + id + `,"status":"Failed","stdout":"","stderr":` + string(reason)
	if context != "" {
		var c any
		if err := json.Unmarshal([]byte(context), &c); err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(c)
		want += `,"context":` + string(text)
	}
	if r.Result.Event != wire.EventJobResult || string(r.Result.Data) != want+"}" || strings.ContainsAny(r.Reason, "\r\n") {
		t.Errorf("%s: answer %s\nwant %s}", name, r.Result.Data, want)
	}
}

func TestTheJobIDIsEchoedAsItCame(t *testing.T) {
	for _, id := range []string{`4711`, `4711.0`, `1e3`, `-5`, `"4711"`, `123456789012345678901234567890`} {
		data := fmt.Appendf(nil, `{"job_id":%s,"target_hostname":"lab-pc7","run_mode":"system","context":[1]}`, id)
		_, err := newGate(wire.System).Admit(wire.Event{Name: wire.EventJobRun, Data: data})
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			t.Errorf("%s: %v", id, err)
			continue
		}
		checkAnswer(t, id, refusal, id, "")
	}
}

func TestWithoutAStoredKeyNothingRuns(t *testing.T) {
	g := newGate(wire.System, func(c *Config) { c.SigningKey = func() ed25519.PublicKey { return nil } })
	_, err := g.Admit(vector(t, nil))
	var refusal *Refusal
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, "stored") {
		t.Errorf("%v, want a refusal", err)
	}
}

func TestOthersJobsMeetSilence(t *testing.T) {
	for _, host := range []any{"LAB-PC8", "**", 7, "lab-pc7.example", []any{"lab-pc7"}} {
		for _, signature := range []any{vectorSig, "bad"} {
			_, err := newGate(wire.System).Admit(vector(t, map[string]any{"target_hostname": host, "signature": signature}))
			if !errors.Is(err, ErrNotOurs) {
				t.Errorf("host %v: %v, want ErrNotOurs", host, err)
			}
		}
	}
}

// TestRunModes sends each mode to both processes of a host, with and without a user's process.
func TestRunModes(t *testing.T) {
	const run, silent, failed = "runs", "silent", "Failed"
	for _, c := range []struct {
		mode   any
		self   wire.Mode
		served bool
		want   string
	}{
		{"system", wire.System, false, run},
		{"system", wire.CurrentUser, false, silent},
		{"current_user", wire.System, true, silent},
		{"current_user", wire.System, false, failed},
		{"current_user", wire.CurrentUser, false, run},
		{nil, wire.CurrentUser, false, run},
		{nil, wire.System, true, silent},
		{"admin", wire.System, true, failed},
		{"admin", wire.CurrentUser, true, failed},
		{"sudo", wire.CurrentUser, false, failed},
	} {
		for _, signature := range []string{vectorSig, vectorEmpty} {
			g := newGate(c.self, func(cfg *Config) { cfg.UserServed = func() bool { return c.served } })
			_, err := g.Admit(vector(t, map[string]any{"run_mode": c.mode, "signature": signature}))
			got := run
			switch {
			case errors.Is(err, ErrNotOurs):
				got = silent
			case err != nil:
				got = failed
			}
			want := c.want
			if want == run && signature == vectorEmpty {
				want = failed
			}
			if got != want {
				t.Errorf("mode %v at %s (user served: %t): %s (%v), want %s", c.mode, c.self, c.served, got, err, want)
			}
		}
	}
}

func TestReplaysMeetSilence(t *testing.T) {
	var l ledger
	g := newGate(wire.System, func(c *Config) { c.Ledger = &l })
	admit := func(changes map[string]any) error {
		_, err := g.Admit(vector(t, changes))
		return err
	}
	if err := admit(nil); err != nil {
		t.Fatal(err)
	}
	if err := admit(nil); !errors.Is(err, ErrReplay) {
		t.Errorf("the same job: %v, want ErrReplay", err)
	}
	if err := admit(map[string]any{"job_id": "4711", "script_name": "other", "signature": vectorSig + "\n"}); !errors.Is(err, ErrReplay) {
		t.Errorf("the same job in other words: %v, want ErrReplay", err)
	}
	if err := admit(map[string]any{"signature": "AAAA"}); errors.Is(err, ErrReplay) {
		t.Errorf("an unsigned copy: %v", err)
	}
	for _, other := range []map[string]any{
		{"job_id": 4712},
		{"script_content": "", "signature": vectorEmpty},
		{"context": map[string]any{"scheduled_job_run_id": 1}},
		{"context": map[string]any{"scheduled_job_run_id": 2}},
		{"context": map[string]any{"scheduled_job_run_id": 2, "scheduled_ts": 5}},
		{"context": map[string]any{"run_id": 2}},
	} {
		if err := admit(other); err != nil {
			t.Errorf("another job %v: %v", other, err)
		}
	}
	for _, will := range l.began {
		var answer wire.JobResult
		if err := wire.Decode(will.Data, &answer); err != nil || will.Event != wire.EventJobResult || answer.Status != wire.JobFailed ||
			!strings.Contains(answer.Stderr, "interrupted") || !strings.Contains(string(answer.JobID), "471") {
			t.Errorf("the will of a job is %s %s", will.Event, will.Data)
		}
	}
}

func TestAJobThatCannotBeNotedIsNotRun(t *testing.T) {
	g := newGate(wire.System, func(c *Config) { c.Ledger = &ledger{fails: errors.New("no space left")} })
	_, err := g.Admit(vector(t, nil))
	var refusal *Refusal
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, "no space left") {
		t.Errorf("%v, want a refusal", err)
	}
}

func TestARefusedJobMayComeAgain(t *testing.T) {
	var key ed25519.PublicKey
	g := newGate(wire.System, func(c *Config) { c.SigningKey = func() ed25519.PublicKey { return key } })
	if _, err := g.Admit(vector(t, nil)); err == nil {
		t.Fatal("admitted without a key")
	}
	key = engineKey().Public().(ed25519.PublicKey)
	if _, err := g.Admit(vector(t, nil)); err != nil {
		t.Errorf("once the key is there: %v", err)
	}
}

func TestOneOfManyIsAdmitted(t *testing.T) {
	g := newGate(wire.System)
	ev := vector(t, nil)
	var admitted atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := g.Admit(ev); err == nil {
				admitted.Add(1)
			} else if !errors.Is(err, ErrReplay) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 1 {
		t.Errorf("%d of 32 copies were admitted", admitted.Load())
	}
}

func TestOtherEvents(t *testing.T) {
	for _, c := range []struct {
		name, data string
		err        error
	}{
		{"agent_config", `{"roles":[]}`, nil},
		{"list_agent_windows", `{"agent_id":"other"}`, nil},
		{"anything", `"text"`, nil},
		{"anything", ``, nil},
		{"vpn_tunnel_start", `{"agent_id":"` + agentID + `"}`, ErrUnverified},
		{"vpn_tunnel_start", `{}`, ErrUnverified},
		{"vpn_tunnel_start", `{"agent_id":"other"}`, ErrNotOurs},
		{"vpn_tunnel_start", `{"agent_guid":"other"}`, ErrNotOurs},
		{"vpn_tunnel_start", `[]`, ErrMalformed},
		{"vpn_tunnel_stop", `{"agent_id":" ` + agentID + ` "}`, nil},
		{"vpn_tunnel_stop", `{}`, nil},
		{"vpn_tunnel_stop", `{"agent_id":"other"}`, ErrNotOurs},
		{"vpn_tunnel_stop", `{"agent_id":5}`, ErrNotOurs},
		{"vpn_tunnel_activity", `{"agent_id":"` + strings.ToLower(agentID) + `"}`, ErrNotOurs},
		{"vpn_tunnel_activity", `null`, ErrMalformed},
		{"ansible_playbook_run", `{"target_hostname":"lab-pc7","playbook_content":"LQ=="}`, ErrMalformed},
		{"ansible_playbook_run", `{"target_hostname":"other"}`, ErrNotOurs},
		{"ansible_playbook_run", `5`, ErrMalformed},
		{"quick_job_run", `{"target_hostname":"lab-pc7"}`, ErrMalformed},
		{"quick_job_run", `"text"`, ErrMalformed},
		{"quick_job_run", ``, ErrMalformed},
	} {
		in := wire.Event{Name: c.name, Data: json.RawMessage(c.data), At: time.Unix(1, 0)}
		ev, err := newGate(wire.System).Admit(in)
		if !errors.Is(err, c.err) || (err == nil && (ev.Name != in.Name || string(ev.Data) != c.data || ev.Bytes != nil)) {
			t.Errorf("%s %s: %+v, %v; want %v", c.name, c.data, ev, err, c.err)
		}
		if err != nil && (ev.Name != "" || ev.Data != nil) {
			t.Errorf("%s %s: an event came back with %v", c.name, c.data, err)
		}
	}
}

// FuzzAdmit holds the gate's promise against foreign bytes: what is admitted is signed, and what is refused is
// answerable.
func FuzzAdmit(f *testing.F) {
	f.Add(wire.EventJobRun, []byte(vectorJob))
	f.Add(wire.EventJobRun, []byte(`{"job_id":"x","target_hostname":"lab-pc7","run_mode":"system","script_content":"","script":"boo","signature":"`+vectorEmpty+`"}`))
	f.Add(wire.EventJobRun, []byte(`{"job_id":1,"job_id":{},"TARGET_HOSTNAME":"lab-pc7","signature":1e5,"context":{"a":1e999}}`))
	f.Add(wire.EventTunnelStart, []byte(`{"agent_id":"`+agentID+`","token":{}}`))
	f.Add(wire.EventPlaybookRun, []byte(`{"target_hostname":"lab-pc7"}`))
	f.Add(wire.EventPlaybookRun, []byte(run(map[string]any{"signature": sign(tasks)}).Data))
	public := engineKey().Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		ev, err := newGate(wire.System).Admit(wire.Event{Name: name, Data: data})
		var refusal *Refusal
		if errors.As(err, &refusal) {
			var answer wire.JobResult
			if err := wire.Decode(refusal.Result.Data, &answer); err != nil || answer.Status != wire.JobFailed || len(answer.JobID) == 0 {
				t.Fatalf("%q is answered with %s (%v)", data, refusal.Result.Data, err)
			}
		}
		if err != nil {
			return
		}
		switch name {
		case wire.EventJobRun, wire.EventPlaybookRun:
			sent, fields := wire.Object{}, wire.Object{}
			if json.Unmarshal(data, &sent) != nil || json.Unmarshal(ev.Data, &fields) != nil {
				t.Fatalf("%q was admitted", data)
			}
			text, _ := sent.Text("signature")
			signature, _ := base64.StdEncoding.DecodeString(strip(text))
			if !ed25519.Verify(public, ev.Bytes["script"], signature) {
				t.Fatalf("%q was admitted unsigned", data)
			}
			for _, key := range spent {
				if _, ok := fields[key]; ok {
					t.Fatalf("%q leaves %q", data, key)
				}
			}
		}
	})
}
