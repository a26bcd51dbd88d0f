package main

import (
	"encoding/json"
	"testing"
)

func FuzzConfiguredRoles(f *testing.F) {
	for _, seed := range []string{
		`{"agent_id":"A","roles":[{"role":"screenshot","node_id":"n1","interval":1000}]}`, `{"roles":[]}`, `{}`, `null`, ``,
		`{"roles":null}`, `{"roles":{}}`, `{"roles":[null,5,"x",[[]]]}`, `{"roles":[{"a":1e999}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := configuredRoles(data)
		var roles []json.RawMessage
		if list != nil && (err != nil || json.Unmarshal(list, &roles) != nil || len(roles) == 0) {
			t.Errorf("%q: %q, %v", data, list, err)
		}
	})
}
