package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// heard are the data of an event that the agent emitted, in order.
func heard(e *enginetest.Engine, event string) (all []string) {
	for _, ev := range e.Events() {
		if ev.Event == event {
			all = append(all, string(ev.Data))
		}
	}
	return all
}

// TestConfigurationsReachEveryRole gives two roles a list, then an empty one, then another list.
func TestConfigurationsReachEveryRole(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true, PingInterval: 200 * time.Millisecond})
	text := `ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine" }
local Role = {}
function Role:on_config(roles) engine.emit("told", ROLE_NAME .. " " .. #roles .. " " .. roles[1].role) end
function Role:stop_all() engine.emit("told", ROLE_NAME .. " stops") end
function Role:register_events(events)
  events:on("quick_job_run", function(job)
    engine.emit("quick_job_result", { job_id = job.job_id, status = "Success", stdout = ROLE_NAME, stderr = "" })
  end)
end
return Role
`
	d := newDevice(t, e, map[string]string{"role_a.lua": `ROLE_NAME = "a"` + "\n" + text, "role_b.lua": `ROLE_NAME = "b"` + "\n" + text})
	d.start()
	d.serving("role_a.lua")
	d.serving("role_b.lua")
	d.stop() // the first life of a device has its roles begin anew under the name that the Engine gives it
	d.start()
	d.serving("role_a.lua")
	d.serving("role_b.lua")
	d.until("the first life to have told all", func() bool { return d.status().Outbox == 0 })
	before := len(heard(e, "told"))
	told := func() []string { return heard(e, "told")[before:] }
	var want []string
	expect := func(said string) {
		t.Helper()
		want = append(want, `"a `+said+`"`, `"b `+said+`"`)
		slices.Sort(want)
		d.until(said, func() bool { return len(told()) >= len(want) })
		if got := slices.Sorted(slices.Values(told())); !slices.Equal(got, want) {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
	config := func(data any) {
		t.Helper()
		if err := e.Emit("", "agent_config", data); err != nil {
			t.Fatal(err)
		}
	}
	config(map[string]any{"roles": []any{map[string]any{"role": "x"}}, "other": 1})
	expect("1 x")
	config(map[string]any{"roles": []any{}})
	expect("stops")
	if r := d.run(enginetest.Job{Script: []byte("x")}); r.Status != "Success" { // events go on coming
		t.Errorf("%+v", r)
	}
	config(map[string]any{"roles": []any{map[string]any{"role": "y"}, 2}})
	expect("2 y")
	config(map[string]any{"roles": "no list"})
	config("nothing")
	config(map[string]any{})
	expect("stops") // once more, and nothing of the two that are no configuration
}

// TestTheWindowsOfAUser asks both agents of a host for the windows: only the user's has some to tell, even if none.
func TestTheWindowsOfAUser(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	for name, c := range map[string]struct {
		flag, role string
		want       []string
	}{
		"the machine":      {"--system-service=true", "", nil},
		"the user":         {"--system-service=false", "", []string{`"windows":[]`}},
		"a role that does": {"--system-service=false", `events:on("list_agent_windows", function() engine.emit("agent_window_list", { own = true }) end)`, []string{`{"own":true}`}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(heard(e, "agent_window_list"))
			d := newDevice(t, e, map[string]string{"role_a.lua": `ROLE_NAME = "a"
ROLE_CONTEXTS = { "system", "interactive" }
ROLE_GRANTS = { "engine" }
local Role = {}
function Role:register_events(events)
  ` + c.role + `
  events:on("ask", function() engine.emit("asked", {}) end)
end
return Role
`})
			d.start(c.flag)
			d.serving("role_a.lua")
			id := d.status().AgentID
			for _, event := range []string{"list_agent_windows", "ask"} {
				if err := e.Emit(id, event, map[string]any{"agent_id": "another"}); err != nil {
					t.Fatal(err)
				}
			}
			d.until("an answer", func() bool {
				return len(heard(e, "agent_window_list")) >= before+len(c.want) && slices.ContainsFunc(e.Events(), func(ev enginetest.Received) bool {
					return ev.Event == "asked" && ev.AgentID == id
				})
			})
			got := heard(e, "agent_window_list")[before:]
			if len(got) != len(c.want) || len(got) > 0 && !strings.Contains(got[0], c.want[0]) {
				t.Errorf("told %q, want %q", got, c.want)
			}
			if len(got) > 0 && c.role == "" && !strings.Contains(got[0], `"agent_id":"`+id+`"`) {
				t.Errorf("told %q by %s", got, id)
			}
		})
	}
}

// TestWhatNobodyKnowsIsIgnored sends what an Engine of any age may say to everybody.
func TestWhatNobodyKnowsIsIgnored(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	pid, id := d.status().PID, d.status().AgentID
	for event, data := range map[string]any{
		"device_activity_changed": map[string]any{"activity_id": 1}, "vnc_refresh": map[string]any{"agent_id": id}, "": nil,
		"agent_silent_update": "text", "operator_presence_sync": []any{1, []any{}}, "vpn_shell_output": 5, "żółć": true,
		"agent_connected": map[string]any{}, "message": strings.Repeat("x", 1<<20),
	} {
		if err := e.Emit("", event, data); err != nil {
			t.Fatal(err)
		}
	}
	if r := d.run(enginetest.Job{Script: []byte("true")}); r.Status != "Success" {
		t.Errorf("%+v", r)
	}
	if s := d.status(); s.PID != pid || !s.Connected || strings.Count(d.log.String(), "connected to the Engine") != 1 {
		t.Errorf("the agent is %+v", s)
	}
	for _, level := range []string{"level=WARN part=engine", "level=ERROR"} {
		if strings.Contains(d.log.String(), level) {
			t.Errorf("the log complains:\n%s", d.log)
		}
	}
}

// TestTheFirstWordsOfTheEngineWaitForTheRoles sends a job as soon as the agent has a session, when its roles are still
// coming to life.
func TestTheFirstWordsOfTheEngineWaitForTheRoles(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	for range 3 {
		id := d.status().AgentID
		d.stop()
		d.until("the session to end", func() bool { return !e.Connected(id) })
		d.start()
		d.until("a session", func() bool { return e.Connected(id) })
		if r := d.run(enginetest.Job{Script: []byte("true")}); r.Status != "Success" {
			t.Errorf("%+v", r)
		}
	}
}
