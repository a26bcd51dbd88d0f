package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// open opens a tree of its own in a fresh folder, with env as its whole environment but for the place of the seal key.
func open(t *testing.T, env map[string]string) *Tree {
	t.Helper()
	key := filepath.Join(t.TempDir(), "seal.key")
	tree, err := Options{Getenv: func(k string) string {
		if k == sealKeyVar {
			return key
		}
		return env[k]
	}}.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// put writes a file as another program would.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRoot(t *testing.T) {
	for _, c := range []struct {
		flag, root, project, want string
	}{
		{"/flag", "/root", "/project", "/flag"},
		{"", "/root", "/project", "/root"},
		{" ", "", "/project", "/project"},
	} {
		env := map[string]string{"BOREALIS_ROOT": c.root, "BOREALIS_PROJECT_ROOT": c.project}
		if got, err := Root(c.flag, func(k string) string { return env[k] }); err != nil || got != c.want {
			t.Errorf("Root(%q) with %v = %q, %v; want %q", c.flag, env, got, err, c.want)
		}
	}
	if _, err := Root("", func(string) string { return "" }); !errors.Is(err, ErrNoRoot) {
		t.Errorf("no root: %v, want ErrNoRoot", err)
	}
}

func TestPlacesOfTheContract(t *testing.T) {
	tree := open(t, nil)
	for got, want := range map[string]string{
		tree.Settings():                 "Agent/Borealis/Settings",
		tree.Certificates():             "Agent/Borealis/Certificates",
		tree.Logs():                     "Agent/Logs",
		tree.bundlePath():               "Agent/Borealis/Certificates/Trusted_Server_Cert/server_certificate.pem",
		tree.DocumentPath("service"):    "Agent/Borealis/Settings/agent_settings_SYSTEM.json",
		tree.DocumentPath(""):           "Agent/Borealis/Settings/agent_settings.json",
		tree.DocumentPath("lab/../two"): "Agent/Borealis/Settings/agent_settings_labtwo.json",
		tree.Identity().dir:             "Agent/Borealis/Certificates/Identity",
	} {
		if want := filepath.Join(tree.Root(), filepath.FromSlash(want)); got != want {
			t.Errorf("place %q, want %q", got, want)
		}
	}
}

func TestCertificatePlaces(t *testing.T) {
	base := t.TempDir()
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"BOREALIS_AGENT_CERT_ROOT": filepath.Join(base, "a"), "BOREALIS_CERT_ROOT": filepath.Join(base, "b")}, filepath.Join(base, "a")},
		{map[string]string{"BOREALIS_CERTIFICATES_ROOT": filepath.Join(base, "c")}, filepath.Join(base, "c", "Agent")},
		{map[string]string{"BOREALIS_CERT_ROOT": filepath.Join(base, "b")}, filepath.Join(base, "b", "Agent")},
	} {
		if got := open(t, c.env).Certificates(); got != c.want {
			t.Errorf("certificates with %v at %q, want %q", c.env, got, c.want)
		}
	}
	root := t.TempDir()
	put(t, filepath.Join(root, "Certificates", "Agent", "Identity", "agent_identity_private.ed25519"), "key")
	tree, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, "Certificates", "Agent"); tree.Certificates() != want {
		t.Errorf("certificates at %q, want those of the older place, %q", tree.Certificates(), want)
	}
}

func TestFoldersAreShutToOthers(t *testing.T) {
	root := t.TempDir()
	loose := filepath.Join(root, "Agent", "Borealis", "Settings")
	if err := os.MkdirAll(loose, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(loose, 0o777); err != nil {
		t.Fatal(err)
	}
	tree, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	skipModesOnWindows(t)
	for path, want := range map[string]fs.FileMode{tree.Settings(): 0o755, tree.Certificates(): 0o700, tree.Identity().dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q has mode %v (%v), want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestLeftTemporaryFilesGo(t *testing.T) {
	tree := open(t, nil)
	old, fresh := tree.file(".access.jwt.tmp-1"), tree.file(".access.jwt.tmp-2")
	kept := tree.file(".hidden")
	for _, path := range []string{old, fresh, kept} {
		put(t, path, "x")
	}
	past := time.Now().Add(-2 * time.Hour)
	for _, path := range []string{old, kept} {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(tree.Root()); err != nil {
		t.Fatal(err)
	}
	if exists(old) || !exists(fresh) || !exists(kept) {
		t.Errorf("old temporary %t, fresh temporary %t, other file %t; want only the old one gone", exists(old), exists(fresh), exists(kept))
	}
}

func TestSuffix(t *testing.T) {
	for text, want := range map[string]string{
		"svc": "SYSTEM", "System": "SYSTEM", "system_service": "SYSTEM", "service": "SYSTEM", "user": "CURRENTUSER",
		"CURRENTUSER": "CURRENTUSER", "interactive": "CURRENTUSER", "Lab-2_x": "Lab-2_x", "../x y": "xy", "": "",
	} {
		if got := Suffix(text); got != want {
			t.Errorf("Suffix(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestParseServerURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://engine.lab:5000":            "https://engine.lab:5000",
		"\ufeffhttps://engine.lab:5000///\n": "https://engine.lab:5000",
		"engine.lab:5000":                    "https://engine.lab:5000",
		"engine.lab":                         "https://engine.lab",
		"10.1.2.3:5000":                      "https://10.1.2.3:5000",
		"[::1]:5000":                         "https://[::1]:5000",
		"wss://engine.lab/":                  "https://engine.lab",
		"ws://localhost:5000":                "http://localhost:5000",
		"HTTP://localhost:5000":              "http://localhost:5000",
		"https://proxy.lab/borealis/":        "https://proxy.lab/borealis",
	} {
		if got, err := ParseServerURL(text); err != nil || got != want {
			t.Errorf("ParseServerURL(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, bad := range []string{
		"", " / ", "ftp://x", "https://", "https://user:hunter2@x", "https://x?a=1", "https://x#f", "https://:5000",
		"https://user:hunter2@x:port", "https://a b/",
	} {
		got, err := ParseServerURL(bad)
		if err == nil {
			t.Errorf("ParseServerURL(%q) = %q, want an error", bad, got)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("ParseServerURL(%q) tells the password: %v", bad, err)
		}
	}
}

func TestServerURLPlaces(t *testing.T) {
	tree := open(t, nil)
	if _, err := tree.ServerURL(); !errors.Is(err, ErrNoServerURL) {
		t.Errorf("no URL: %v, want ErrNoServerURL", err)
	}
	put(t, tree.legacy(serverURLFile), "engine.old:5000/")
	if got, err := tree.ServerURL(); err != nil || got != "https://engine.old:5000" {
		t.Errorf("URL of the older place: %q, %v", got, err)
	}
	if got := get(t, tree.file(serverURLFile)); got != "https://engine.old:5000\n" {
		t.Errorf("copied forward: %q", got)
	}
	put(t, tree.file(serverURLFile), "\ufeffhttps://engine.new:5000/\r\n")
	if got, err := tree.ServerURL(); err != nil || got != "https://engine.new:5000" {
		t.Errorf("URL of the file: %q, %v", got, err)
	}
	if got, err := open(t, map[string]string{"BOREALIS_SERVER_URL": "wss://engine.env/"}).ServerURL(); err != nil || got != "https://engine.env" {
		t.Errorf("URL of the environment: %q, %v", got, err)
	}
}

func FuzzParseServerURL(f *testing.F) {
	f.Add("\ufeffwss://engine.lab:5000/x/")
	f.Add("engine:80?x")
	f.Add("https://[::1%25en0]:5000")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseServerURL(text)
		if err != nil {
			return
		}
		if again, err := ParseServerURL(u); err != nil || again != u {
			t.Fatalf("%q became %q, which becomes %q (%v)", text, u, again, err)
		}
		if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
			t.Fatalf("%q became %q", text, u)
		}
	})
}
