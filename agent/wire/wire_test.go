package wire

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestAgentID(t *testing.T) {
	const guid = "6f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
	const upper = "6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D"
	for _, c := range []struct{ host, context, want string }{
		{"lab-pc7", "SYSTEM", "LAB-PC7_" + upper + "_SYSTEM"},
		{"Lab PC 7", "CURRENTUSER", "LAB-PC-7_" + upper + "_CURRENTUSER"},
		{"", "SYSTEM", "UNKNOWN-HOST_" + upper + "_SYSTEM"},
		{"  ", "SYSTEM", "UNKNOWN-HOST_" + upper + "_SYSTEM"},
		{"läb", "SYSTEM", "LÄB_" + upper + "_SYSTEM"},
	} {
		if got := AgentID(c.host, guid, c.context); got != c.want {
			t.Errorf("AgentID(%q, %q) = %q, want %q", c.host, c.context, got, c.want)
		}
	}
	if got := CurrentUser.ServiceMode(); got != "currentuser" {
		t.Errorf("service mode %q, want currentuser", got)
	}
}

func TestDecodeWantsOneValue(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"status":"idle"}`: true, " {} \n": true, `{"status":"idle","later":{"x":[1]}}`: true,
		`{}{}`: false, `{} x`: false, ``: false, `{"status":`: false, `{"status":5}`: false,
	} {
		var a ScriptAnswer
		if err := Decode([]byte(text), &a); (err == nil) != ok {
			t.Errorf("Decode(%q) = %v, want ok %v", text, err, ok)
		}
	}
	var v any
	if err := Decode([]byte(`1768400300.0`), &v); err != nil || v != json.Number("1768400300.0") {
		t.Errorf("Decode kept %v (%v), want the text 1768400300.0", v, err)
	}
}

func TestNumberNeverFailsAnAnswer(t *testing.T) {
	for text, want := range map[string]Number{
		`3000`: "3000", `3000.5`: "3000.5", `"250"`: "250", `null`: "", `{"a":1}`: "", `"soon"`: "", `true`: "", `[]`: "",
	} {
		var d EnrollDecision
		body := `{"status":"approved","expires_in":` + text + `,"access_token":"a"}`
		if err := Decode([]byte(body), &d); err != nil {
			t.Fatalf("decision with expires_in %s: %v", text, err)
		}
		if d.ExpiresIn != want || d.AccessToken != "a" {
			t.Errorf("expires_in %s became %q (token %q), want %q", text, d.ExpiresIn, d.AccessToken, want)
		}
	}
	for n, want := range map[Number]time.Duration{
		"": 0, "-4": 0, "NaN": 0, "1.5": 1500 * time.Millisecond, "900": 900 * time.Second,
		"1e300": 365 * 24 * time.Hour, "Inf": 365 * 24 * time.Hour,
	} {
		if got := n.Duration(time.Second); got != want {
			t.Errorf("Number(%q) is %v, want %v", n, got, want)
		}
	}
}

func TestBodiesOfTheContract(t *testing.T) {
	for name, c := range map[string]struct {
		body any
		want string
	}{
		"connect heartbeat": {
			Heartbeat{GUID: "G", Hostname: "h", Inventory: map[string]json.RawMessage{}, Metrics: Metrics{ServiceMode: "system", Uptime: 86512, Hostname: "h", Username: "root", CPUPercent: 3.2, MemoryPercent: 41.7}},
			`{"guid":"G","hostname":"h","metrics":{"service_mode":"system","uptime":86512,"hostname":"h","username":"root","cpu_percent":3.2,"memory_percent":41.7},"inventory":{}}`,
		},
		"periodic heartbeat": {
			Heartbeat{GUID: "G", Hostname: "h"},
			`{"guid":"G","hostname":"h","metrics":{"service_mode":"","uptime":0,"hostname":"","username":"","cpu_percent":0,"memory_percent":0}}`,
		},
		"connect_agent": {ConnectAgent{AgentID: "A", ServiceMode: "system"}, `{"agent_id":"A","service_mode":"system"}`},
		"result without context": {
			JobResult{JobID: json.RawMessage(`4711`), Status: JobFailed, Stderr: "no"},
			`{"job_id":4711,"status":"Failed","stdout":"","stderr":"no"}`,
		},
		"details": {Details{AgentID: "A", Hostname: "h", Details: json.RawMessage(`{"n":1.0}`)}, `{"agent_id":"A","hostname":"h","details":{"n":1.0}}`},
	} {
		got, err := json.Marshal(c.body)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s (%v)\nwant %s", name, got, err, c.want)
		}
	}
}

func TestFailureWord(t *testing.T) {
	for body, want := range map[string]string{`{"error":"rate_limited","retry_after":2.5}`: "rate_limited", `{"status":"unknown"}`: "unknown", `{}`: ""} {
		var f Failure
		if err := Decode([]byte(body), &f); err != nil || f.Word() != want {
			t.Errorf("%s: word %q (%v), want %q", body, f.Word(), err, want)
		}
	}
}

func TestObjectMatchesKeysExactly(t *testing.T) {
	o, err := ParseObject([]byte(`{"signature":"good","Signature":"bad","n":null,"context":{"a":1},"list":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := o.Text("signature"); err != nil || s != "good" {
		t.Errorf("signature %q (%v), want good", s, err)
	}
	if s, err := o.Text("n"); err != nil || s != "" {
		t.Errorf("null text %q (%v), want empty", s, err)
	}
	if _, err := o.Text("list"); !errors.As(err, new(*FieldError)) {
		t.Errorf("text of a list: %v, want a FieldError", err)
	}
	if got := o.Members("context"); string(got) != `{"a":1}` {
		t.Errorf("context %s", got)
	}
	if got := o.Members("list"); got != nil {
		t.Errorf("a list passed for an object: %s", got)
	}
	for _, bad := range []string{`null`, `[]`, `"x"`, ``, `{}{}`} {
		if _, err := ParseObject([]byte(bad)); err == nil {
			t.Errorf("ParseObject(%q) took it", bad)
		}
	}
}

func TestParseJob(t *testing.T) {
	job, err := ParseJob([]byte(`{"job_id":4711.0,"target_hostname":"LAB-PC7","run_mode":"system","context":{"x":1.50}}`))
	if err != nil {
		t.Fatal(err)
	}
	if string(job.ID) != "4711.0" || job.TargetHostname != "LAB-PC7" || string(job.Context) != `{"x":1.50}` {
		t.Errorf("job %+v", job)
	}
	job, err = ParseJob([]byte(`{"job_id":"12","target_hostname":"h","signature":[1],"context":"text"}`))
	if !errors.As(err, new(*FieldError)) || string(job.ID) != `"12"` || job.Context != nil || job.TargetHostname != "h" {
		t.Errorf("job %+v, err %v: want a FieldError with the id filled", job, err)
	}
	for _, body := range []string{`{}`, `{"job_id":null}`, `{"job_id":{}}`, `{"job_id":""}`, `{"job_id":true}`} {
		if _, err := ParseJob([]byte(body)); !errors.Is(err, ErrNoJobID) {
			t.Errorf("ParseJob(%s) = %v, want ErrNoJobID", body, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	key, err := ParseKey(" MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n")
	if err != nil || key[0] != 0x03 || key[31] != 0xb8 {
		t.Errorf("key %x, err %v", key, err)
	}
	for _, bad := range []string{
		"", "MCow", "not base64", "MCowBQYDK2VwAyEAA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==",
	} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("ParseKey(%q) took it", bad)
		}
	}
}

// FuzzBodies feeds every body type the same bytes: no panic, and what was read survives a round trip.
func FuzzBodies(f *testing.F) {
	f.Add([]byte(`{"status":"approved","guid":"7B1E9C40-52AD-4E0B-8F6C-1D2E3F4A5B6C","access_token":"eyJ","expires_in":900,"refresh_token":"r","token_type":"Bearer","signing_key":"MCow"}`))
	f.Add([]byte(`{"status":"pending","approval_reference":"3f0c2a9e","server_nonce":"oKGi","poll_after_ms":3000}`))
	f.Add([]byte(`{"error":"rate_limited","retry_after":1e999}`))
	f.Add([]byte(`{"poll_after_ms":"\u0031"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, v := range []any{
			new(EnrollTicket), new(EnrollDecision), new(RefreshAnswer), new(HeartbeatAnswer), new(ScriptAnswer), new(Failure),
		} {
			if Decode(data, v) != nil {
				continue
			}
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("%T read from %q does not print: %v", v, data, err)
			}
			again := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			if err := Decode(text, again); err != nil {
				t.Fatalf("%T: %s read back: %v", v, text, err)
			}
		}
	})
}

func FuzzParseJob(f *testing.F) {
	f.Add([]byte(`{"job_id":4711,"target_hostname":"LAB-PC7","script_content":"V3JpdGU=","context":{"a":1}}`))
	f.Add([]byte(`{"job_id":-1e5,"job_id":"x","signature":5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		job, err := ParseJob(data)
		if err != nil && !errors.As(err, new(*FieldError)) {
			return
		}
		if !json.Valid(job.ID) || (job.Context != nil && !json.Valid(job.Context)) {
			t.Fatalf("job %q has id %q and context %q", data, job.ID, job.Context)
		}
	})
}
