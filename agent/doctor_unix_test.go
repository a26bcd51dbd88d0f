//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// What others may read is told and left: mending it in silence would hide that the secrets were open.
func TestTheDoctorTellsOfLooseModes(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{})
	d := newDevice(t, e, map[string]string{"role_a.lua": "return {}"})
	d.settingsFile("server_url.txt", e.URL())
	d.settingsFile("refresh.token", "x")
	token := filepath.Join(d.home, "Agent", "Borealis", "Settings", "refresh.token")
	role := filepath.Join(d.roles(), "role_a.lua")
	for path, step := range map[string]string{filepath.Dir(token): "settings", token: "settings", role: "roles"} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if step == "roles" && os.Geteuid() != 0 {
			continue // the system itself draws that line for other users' agents
		}
		loose := info.Mode().Perm() | 0o066
		if err := os.Chmod(path, loose); err != nil {
			t.Fatal(err)
		}
		found, code := d.doctor()
		if f := found[step]; code != 1 || f.State != "fail" || !strings.Contains(f.Seen, path) || f.Mend == "" {
			t.Errorf("%s: %+v", path, found)
		}
		if now, err := os.Stat(path); err != nil || now.Mode().Perm() != loose {
			t.Errorf("%s was mended: %v, %v", path, now.Mode(), err)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}
