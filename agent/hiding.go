package main

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// hiding is the agent as the Engine speaks to it: before anybody else looks at a job, the logs learn what is never to
// stand in them. A role may log all that it is given.
type hiding struct{ *agent }

// Event hides a job's credentials and hands the event on.
func (h hiding) Event(ev wire.Event) {
	if ev.Name == wire.EventJobRun || ev.Name == wire.EventPlaybookRun {
		h.logs.Hide(credentials(ev.Data)...)
	}
	h.agent.Event(ev)
}

// credentials are the values of a job's variables that are secrets, wherever they stand in it. Engines give playbooks some
// that are defined nowhere, and known by their names only.
func credentials(job json.RawMessage) (secrets []string) {
	var in struct {
		Variables []struct {
			Name    string `json:"name"`
			Type    string `json:"type"`
			Value   any    `json:"value"`
			Default any    `json:"default"`
		} `json:"variables"`
		Environment map[string]any `json:"environment"`
		Values      map[string]any `json:"variable_values"` // of a playbook
	}
	if json.Unmarshal(job, &in) != nil { // the gate says what is wrong with it
		return nil
	}
	for _, v := range in.Variables {
		if !strings.EqualFold(v.Type, "credential") {
			continue
		}
		values := []any{v.Value, v.Default, in.Values[v.Name]}
		for name, value := range in.Environment {
			if asVariable(name) == asVariable(v.Name) {
				values = append(values, value)
			}
		}
		for _, value := range values {
			if text, ok := value.(string); ok {
				secrets = append(secrets, text)
			}
		}
	}
	for name, value := range in.Values {
		if text, ok := value.(string); ok && strings.Contains(asVariable(name), "PASSWORD") {
			secrets = append(secrets, text)
		}
	}
	return secrets
}

// asVariable is a name as the environment has it, where blanks and signs are underscores.
func asVariable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return '_'
	}, strings.TrimSpace(name))
}
