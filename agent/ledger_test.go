package main

import (
	"encoding/json"
	"testing"
)

func TestAJobAndItsResultHaveOneName(t *testing.T) {
	for _, c := range []struct {
		data, name string
		closes     bool
	}{
		{`{"job_id":4711,"status":"Success"}`, "4711", true},
		{`{"job_id":4711.0,"status":"FAILED"}`, "4711", true},
		{`{"job_id":"4711"}`, "4711", true},
		{`{"job_id":4.711e3,"status":5}`, "4711", true},
		{`{"job_id":"a1","status":" Running "}`, "a1", false},
		{`{"job_id":0.5}`, "0.5", true},
		{`{"job_id":123456789012345678901234567890}`, "123456789012345678901234567890", true},
		{`{}`, "", true},
		{`5`, "", false},
		{``, "", false},
	} {
		if name, closes := jobOf(json.RawMessage(c.data)); name != c.name || closes != c.closes {
			t.Errorf("%s: %q, %t", c.data, name, closes)
		}
	}
}

func FuzzJobOf(f *testing.F) {
	f.Add([]byte(`{"job_id":-0.0,"status":"x"}`))
	f.Add([]byte(`{"job_id":{"job_id":"\""}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		name, _ := jobOf(data)
		if again := jobName(json.RawMessage(name)); again != name && len(name) < 100 {
			t.Errorf("%q is called %q, and that %q", data, name, again)
		}
	})
}
