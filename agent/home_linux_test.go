package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// TestCommandsFindTheInstalledAgent has the tree where a user's service has it.
func TestCommandsFindTheInstalledAgent(t *testing.T) {
	if _, err := os.Stat("/opt/borealis"); err == nil {
		t.Fatal("a service is installed on this machine: /opt/borealis")
	}
	d := newDevice(t, enginetest.Start(t, enginetest.Config{AutoApprove: true}), nil)
	data := t.TempDir()
	d.home = filepath.Join(data, "borealis")
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	env := []string{"XDG_DATA_HOME=" + data}
	if got := commandIn(t, env, "role", "list").ok(t); !strings.Contains(got, "script_exec_system") {
		t.Errorf("got %s", got)
	}
	if got := commandIn(t, env, "status").ok(t); !strings.Contains(got, d.engine.URL()) {
		t.Errorf("got %s", got)
	}
	commandIn(t, []string{"XDG_DATA_HOME=" + t.TempDir()}, "role", "list").refusedWith(t, "no runtime tree is named")
	commandIn(t, append(env, "BOREALIS_ROOT="+t.TempDir()), "role", "list").refusedWith(t, "no agent has run in")
}
