package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// The vector of the REST contract: a key as upstream's agent keeps it, and its fingerprint.
const (
	upstreamKey = "-----BEGIN PRIVATE KEY-----\n" +
		"MC4CAQAwBQYDK2VwBCIEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n" +
		"-----END PRIVATE KEY-----\n"
	upstreamPrint = "646d6be49d9f0048f94f67749eca35156eed4f7a7be18e4fc4a94bfd44e300b0"
)

const idleRole = `ROLE_NAME = "idle"
ROLE_CONTEXTS = { "system", "interactive" }
local Role = {}
return Role
`

func (d *device) path(parts ...string) string {
	return filepath.Join(append([]string{d.home, "Agent", "Borealis"}, parts...)...)
}

// content is a file below Agent/Borealis.
func (d *device) content(parts ...string) string {
	d.t.Helper()
	return string(d.read(append([]string{"Agent", "Borealis"}, parts...)...))
}

// enrollment is what status.json says of it.
func (d *device) enrollment() (s struct {
	Enrollment  string `json:"enrollment"`
	Fingerprint string `json:"fingerprint"`
	Trust       string `json:"trust"`
	TrustOrigin string `json:"trust_origin"`
},
) {
	text, err := os.ReadFile(d.path("Settings", "status.json"))
	if err == nil {
		_ = json.Unmarshal(text, &s)
	}
	return s
}

func TestRolesServeWhileTheDeviceIsPending(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{})
	d := newDevice(t, e, map[string]string{"role_Idle.lua": idleRole})
	d.start()
	d.until("the role to run, unapproved", func() bool {
		roles := d.status().Roles
		return len(roles) == 1 && roles[0].State == "running" && d.enrollment().Enrollment == "waiting for approval"
	})
	if _, err := e.Approve(""); err != nil {
		t.Fatal(err)
	}
	d.serving("role_Idle.lua")
}

// TestSecretsAreSealed has an agent take over a tree of upstream's, and then lose the key that it sealed with.
func TestSecretsAreSealed(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_Idle.lua": idleRole})
	old := d.path("Certificates", "Identity", "SYSTEM")
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, "agent_identity_private.ed25519"), []byte(upstreamKey), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.serving("role_Idle.lua")
	d.stop()
	if print := d.enrollment().Fingerprint; print != upstreamPrint {
		t.Errorf("the device is %s, not upstream's", print)
	}
	for _, file := range [][]string{
		{"Certificates", "Identity", "agent_identity_private.ed25519"}, {"Settings", "refresh.token"}, {"Settings", "access.jwt"},
	} {
		if text := d.content(file...); !strings.HasPrefix(text, "borealis-sealed:1:") {
			t.Errorf("%s is not sealed: %.20q", file[len(file)-1], text)
		}
	}
	if left, err := os.ReadDir(old); err != nil || len(left) != 0 {
		t.Errorf("left at the old place: %v, %v", left, err)
	}
	sealed := d.content("Certificates", "Identity", "agent_identity_private.ed25519")
	if err := os.Rename(d.root+".seal", d.root+".away"); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.until("the agent to give up", func() bool {
		select {
		case <-d.exited:
			return true
		default:
			return false
		}
	})
	if d.cmd.ProcessState.Success() || !strings.Contains(d.log.String(), "put the key file back") {
		t.Errorf("without the seal key: %s", d.log)
	}
	if d.content("Certificates", "Identity", "agent_identity_private.ed25519") != sealed {
		t.Error("the identity was replaced")
	}
	if err := os.Rename(d.root+".away", d.root+".seal"); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.serving("role_Idle.lua")
}

func TestTheFingerprintComesWithTheCode(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	block, _ := pem.Decode(e.RootPEM())
	sum := sha256.Sum256(block.Bytes)
	d := newDevice(t, e, map[string]string{"role_Idle.lua": idleRole})
	d.start("--engine-ca=", "--enrollment-code", e.Code()+"@sha256:"+hex.EncodeToString(sum[:]))
	d.serving("role_Idle.lua")
	d.until("the status to say how the Engine is trusted", func() bool {
		s := d.enrollment()
		return s.Trust == "pinned" && s.TrustOrigin == "engine-fingerprint"
	})
	if strings.Contains(d.log.String(), e.Code()) {
		t.Error("the code is in the log")
	}
}

// TestBothProcessesEnrollOnce starts SYSTEM and CURRENTUSER at the same time on one tree.
func TestBothProcessesEnrollOnce(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{})
	d := newDevice(t, e, map[string]string{"role_Idle.lua": idleRole})
	d.start()
	ctx, cancel := context.WithCancel(t.Context())
	user := exec.CommandContext(ctx, d.cmd.Path, "run", "--home", d.home, "--engine-ca", d.root, "--enrollment-code", e.Code(), "--allow-all-grants")
	user.Env = d.cmd.Env
	user.Stdout, user.Stderr = d.log, d.log
	if err := user.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = user.Wait()
	}()
	d.until("somebody to ask", func() bool { return len(e.Pending()) > 0 })
	if _, err := e.Approve(""); err != nil {
		t.Fatal(err)
	}
	d.until("both to be connected", func() bool {
		devices := e.Devices()
		if len(devices) != 1 {
			return false
		}
		host, _ := os.Hostname()
		id := strings.ToUpper(host) + "_" + devices[0].GUID + "_"
		return e.Connected(id+"SYSTEM") && e.Connected(id+"CURRENTUSER")
	})
	if n := strings.Count(d.log.String(), "waiting for an operator to approve"); n != 1 || len(e.Pending()) != 0 {
		t.Errorf("asked %d times, %d wait:\n%s", n, len(e.Pending()), d.log)
	}
}
