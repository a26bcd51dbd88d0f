package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/bindings/display"
	"github.com/bunny-lab-io/borealis-agent/bindings/display/displaytest"
)

// desktop starts an X server with a window manager and a terminal that writes down what is typed into it, and beside them
// the agent of the user who sits there. It gives the terminal's file and the agent's id.
func desktop(t *testing.T) (d *device, typed, id string, server *displaytest.Server) {
	t.Helper()
	server = displaytest.Start(t, "1280x800")
	server.Manage(t)
	typed = filepath.Join(t.TempDir(), "typed")
	t.Setenv("LC_ALL", "C.UTF-8")
	server.Show(t, "xterm", "-u8", "-T", "typewriter", "-geometry", "80x20+0+0", "-e", "sh", "-c", "stty -echo; touch "+typed+"; exec cat >> "+typed)
	displaytest.Until(t, "the terminal", func() bool { _, err := os.Stat(typed); return err == nil })
	d = newDevice(t, enginetest.Start(t, enginetest.Config{AutoApprove: true}), nil)
	d.asUser, d.strict = true, true
	d.start()
	d.serving("role_Screenshot.lua")
	d.until("a connection", func() bool { id = d.status().AgentID; return id != "" && d.engine.Connected(id) })
	d.until("the roles under the new name", func() bool { return strings.Count(d.log.String(), "role serves part=reload role=macro") >= 2 })
	return d, typed, id, server
}

// configure sends the list of what roles are to do.
func (d *device) configure(roles ...map[string]any) {
	d.t.Helper()
	if err := d.engine.Emit("", "agent_config", map[string]any{"roles": roles}); err != nil {
		d.t.Fatal(err)
	}
}

// frame is an agent_screenshot_task.
type frame struct {
	Node  string `json:"node_id"`
	Image string `json:"image_base64"`
	X, Y  int
}

// payloads are those of an event, as they came.
func payloads[T any](d *device, event string) (list []T) {
	d.t.Helper()
	for _, ev := range d.engine.Events() {
		if ev.Event != event {
			continue
		}
		var one T
		if err := json.Unmarshal(ev.Data, &one); err != nil {
			d.t.Fatal(err)
		}
		list = append(list, one)
	}
	return list
}

func TestTheEngineSeesTheScreen(t *testing.T) {
	d, _, id, server := desktop(t)
	d.configure(map[string]any{"role": "screenshot", "node_id": "n-1", "x": 10, "y": 20, "w": 300, "h": 200, "interval": 200})
	frames := func() []frame { return payloads[frame](d, "agent_screenshot_task") }
	d.until("a picture", func() bool { return len(frames()) >= 2 })
	first, second := frames()[0], frames()[1]
	if first.Image != "" || first.X != 10 || first.Y != 20 || second.Node != "n-1" {
		t.Errorf("%+v, then %+v", first, second)
	}
	text, err := base64.StdEncoding.DecodeString(second.Image)
	if err != nil {
		t.Fatal(err)
	}
	if shown, err := png.Decode(bytes.NewReader(text)); err != nil || shown.Bounds().Dx() != 300 || shown.Bounds().Dy() != 200 {
		t.Errorf("%v, %v", shown, err)
	}
	if dir := os.Getenv("BOREALIS_ARTIFACTS"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "screen.png"), text, 0o644)
	}
	d.configure(map[string]any{"role": "screenshot", "node_id": "n-1", "x": 40, "y": 20, "w": 300, "h": 200, "interval": 200})
	d.until("the other place", func() bool { all := frames(); return all[len(all)-1].X == 40 && all[len(all)-1].Image != "" })

	var windows struct {
		ID      string `json:"agent_id"`
		Windows []struct {
			Title  string
			Handle int
		}
	}
	if err := d.engine.Emit("", "list_agent_windows", map[string]any{"agent_id": id}); err != nil {
		t.Fatal(err)
	}
	d.until("the windows", func() bool {
		for _, ev := range d.engine.Events() {
			if ev.Event == "agent_window_list" {
				return json.Unmarshal(ev.Data, &windows) == nil
			}
		}
		return false
	})
	if windows.ID != id || len(windows.Windows) != 1 || windows.Windows[0].Title != "typewriter" || windows.Windows[0].Handle == 0 {
		t.Errorf("%+v", windows)
	}

	server.Run(t, "xrandr", "--setmonitor", "L", "640/169x800/212+0+0", "screen")
	server.Run(t, "xrandr", "--setmonitor", "R", "640/169x800/212+640+0", "none")
	d.configure(map[string]any{"role": "screenshot", "node_id": "n-2", "monitor": 2, "x": 0, "y": 0, "w": 300, "h": 200, "interval": 200})
	seen := func() (n int) {
		for _, f := range frames() {
			if f.Node == "n-2" && f.Image != "" {
				n++
			}
		}
		return n
	}
	d.until("the second monitor", func() bool { return seen() == 1 })
	server.Run(t, "xrandr", "--delmonitor", "R")
	d.until("the role to say that it was unplugged", func() bool { return strings.Contains(d.ask("status").out, "monitor 2: there are 1") })
	server.Run(t, "xrandr", "--setmonitor", "R", "640/169x800/212+640+0", "none")
	d.until("the second monitor again", func() bool { return seen() >= 2 })

	server.Kill() // and the role says why there is nothing, and goes on
	d.until("the trouble to show", func() bool {
		return strings.Contains(d.ask("status").out, "the display went away") || strings.Contains(d.ask("status").out, "no display")
	})
}

// attempt is a macro_status.
type attempt struct {
	Node    string `json:"node_id"`
	Success bool
	Message string
}

func TestTheEngineTypes(t *testing.T) {
	d, typed, _, _ := desktop(t)
	var session display.Session
	list, err := session.Windows()
	_ = session.Close()
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	macro := map[string]any{
		"role": "macro", "node_id": "n-2", "window_handle": list[0].Handle, "macro_type": "typed_text", "text": "zażółć 漢字\n", "operation_mode": "Run Once",
		"interval_ms": 1000, "active": true,
	}
	attempts := func() []attempt { return payloads[attempt](d, "macro_status") }
	d.configure(macro)
	d.until("an answer", func() bool { return len(attempts()) == 1 })
	if a := attempts()[0]; a.Success || !strings.Contains(a.Message, "borealis-agent role allow macro input") {
		t.Errorf("not allowed: %+v", a)
	}
	if text, _ := os.ReadFile(typed); len(text) != 0 {
		t.Errorf("typed %q without the operator's word", text)
	}

	d.role("allow", "macro", "input").ok(t)
	d.until("the text", func() bool { text, _ := os.ReadFile(typed); return string(text) == "zażółć 漢字\n" })
	d.until("the answer to that", func() bool { all := attempts(); return all[len(all)-1] == attempt{"n-2", true, "sent"} })

	macro["operation_mode"], macro["text"], macro["interval_ms"] = "Continuous", "x\n", 50
	d.configure(macro)
	d.until("it to repeat", func() bool { text, _ := os.ReadFile(typed); return strings.Count(string(text), "x\n") > 3 })
	d.ask("macro", "stop").ok(t)
	d.until("it to stop", func() bool { return strings.Contains(d.ask("status").out, "borealis-agent macro start") })
	before, _ := os.ReadFile(typed)
	d.configure(macro)
	d.stop()
	d.start()
	d.serving("role_Macro.lua")
	d.configure(macro)
	if after, _ := os.ReadFile(typed); !bytes.Equal(before, after) {
		t.Errorf("it went on: %q", after[len(before):])
	}
	d.ask("macro", "start").ok(t)
}
