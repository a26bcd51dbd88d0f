package displaytest

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Sway is a Wayland session with two outputs of 1280x720 beside each other, which is the test's.
type Sway struct{ as []string }

// StartSway starts Debian's sway without a screen. It refuses to run as root, so that root's tests run it as nobody.
func StartSway(t testing.TB) *Sway {
	t.Helper()
	for _, tool := range []string{"sway", "swaymsg", "grim", "wtype"} {
		Need(t, tool)
	}
	dir, err := os.MkdirTemp("/dev/shm", "borealis-sway-") // a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Sway{}
	if os.Geteuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		s.as = []string{"setpriv", "--reuid", nobody.Uid, "--regid", nobody.Gid, "--clear-groups"}
	}
	config := filepath.Join(dir, "config")
	text := "output HEADLESS-1 resolution 1280x720 position 0,0\noutput HEADLESS-2 resolution 1280x720 position 1280,0\n" +
		"output * bg #e06010 solid_color\nxwayland disable\nfocus_follows_mouse no\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"XDG_RUNTIME_DIR": dir, "HOME": dir, "WLR_BACKENDS": "headless", "WLR_HEADLESS_OUTPUTS": "2", "WLR_RENDERER": "pixman", "LIBSEAT_BACKEND": "noop",
		"WAYLAND_DISPLAY": "", "DISPLAY": "", "LC_ALL": "C.UTF-8", "SWAYSOCK": filepath.Join(dir, "sway.sock"), "WLR_LIBINPUT_NO_DEVICES": "1",
	} {
		t.Setenv(name, value)
	}
	s.Show(t, "sway", "-c", config)
	Until(t, "the compositor", func() bool {
		sockets, _ := filepath.Glob(filepath.Join(dir, "wayland-?"))
		if len(sockets) == 1 {
			t.Setenv("WAYLAND_DISPLAY", filepath.Base(sockets[0]))
			out, err := exec.Command("swaymsg", "-r", "-t", "get_outputs").Output()
			return err == nil && strings.Count(string(out), "HEADLESS-") >= 2
		}
		return false
	})
	return s
}

// Show starts a program of the session's user, until the test ends.
func (s *Sway) Show(t testing.TB, name string, args ...string) {
	t.Helper()
	Need(t, name)
	argv := slices.Concat(s.as, []string{name}, args)
	show(t, argv[0], argv[1:]...)
}
