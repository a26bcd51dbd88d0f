package fs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asNobody runs the test once more as a user to whom permissions apply.
func asNobody(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // made by another user, with modes of its own
	if err := os.WriteFile(filepath.Join(dir, "self"), binary, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(filepath.Join(dir, "self"), "-test.run=^"+t.Name()+"$", "-test.v")
	child.Dir = dir
	child.Env = append(os.Environ(), "TMPDIR="+dir)
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

func TestAFullDiskKeepsTheOldFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk takes root")
	}
	folder := layOut(t, map[string]string{"disk/": ""})
	disk := filepath.Join(folder, "disk")
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	r := newRole(t, folder, "fs.write:%s/disk", "fs.read:%s/disk")
	path := filepath.Join(disk, "f")
	r.must("write", path, "old")
	r.refused("full", "write", path, strings.Repeat("x", 1<<20))
	if got := r.must("read", path); got != "old" {
		t.Errorf("after the failure: %q", got)
	}
	if got := r.must("list", disk).([]any); len(got) != 1 {
		t.Errorf("left on the disk: %v", got)
	}
	r.refused("full", "append", path, strings.Repeat("x", 1<<20))
	h := r.must("open", filepath.Join(disk, "g"), map[string]any{"mode": "w"})
	if _, err := r.on(h, "write", "x"); codeOf(err) != "full" {
		t.Errorf("write to a full disk: %v", err)
	}
	if _, err := r.on(h, "close"); err != nil {
		t.Fatal(err)
	}
}

func TestFilesWhoseSizeIsNotKnown(t *testing.T) {
	r := newRole(t, "", "fs.read:/proc")
	if got := r.must("read", "/proc/sys/kernel/ostype"); got != "Linux\n" {
		t.Errorf("read %q", got)
	}
	r.refused("too_large", "read", "/proc/sys/kernel/ostype", map[string]any{"max_bytes": 5.0})
}
