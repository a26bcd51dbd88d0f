package main_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// entry is a file of a release.
type entry struct {
	name string
	kind byte
	data []byte
}

func program(name string, data []byte) entry { return entry{name, tar.TypeReg, data} }

// replaceable is an account with a service whose programs may be replaced by what key signs.
type replaceable struct {
	*account
	key           ed25519.PrivateKey
	agent, worker []byte // as they are shipped
}

func newReplaceable(t *testing.T) *replaceable {
	t.Helper()
	e := enginetest.Start(t, enginetest.Config{})
	r := &replaceable{account: newAccount(t)}
	public, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	r.key = key
	text, err := x509.MarshalPKIXPublicKey(public)
	must(t, err)
	root, keys := filepath.Join(t.TempDir(), "root.pem"), filepath.Join(t.TempDir(), "keys.pem")
	must(t, os.WriteFile(root, e.RootPEM(), 0o600))
	must(t, os.WriteFile(keys, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: text}), 0o600))
	r.agent, err = os.ReadFile(filepath.Join(r.from, "borealis-agent"))
	must(t, err)
	r.worker, err = os.ReadFile(filepath.Join(r.from, "borealis-worker"))
	must(t, err)
	r.do("install", "--user", "--engine", e.URL(), "--engine-ca", root, "--release-key", keys)
	return r
}

// release writes a release with its signature.
func (r *replaceable) release(key ed25519.PrivateKey, entries ...entry) string {
	r.t.Helper()
	var b bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	must(r.t, err)
	into := tar.NewWriter(zipped)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o755, Size: int64(len(e.data))}
		if e.kind == tar.TypeSymlink {
			h.Linkname = "/bin/sh"
		}
		must(r.t, into.WriteHeader(h))
		_, err := into.Write(e.data)
		must(r.t, err)
	}
	must(r.t, into.Close())
	must(r.t, zipped.Close())
	path := filepath.Join(r.t.TempDir(), "release.tar.gz")
	must(r.t, os.WriteFile(path, b.Bytes(), 0o644))
	must(r.t, os.WriteFile(path+".sig", ed25519.Sign(key, b.Bytes()), 0o644))
	return path
}

// place is a file beside the installed programs.
func (r *replaceable) place(name string) string {
	return filepath.Join(r.home, ".local", "lib", "borealis-agent", name)
}

// is says whether exactly these programs are in place, and nothing else.
func (r *replaceable) is(agent, worker []byte) error {
	files, err := os.ReadDir(r.place(""))
	if err != nil || len(files) != 2 {
		return errors.Join(fmt.Errorf("beside each other: %v", files), err)
	}
	for name, want := range map[string][]byte{"borealis-agent": agent, "borealis-worker": worker} {
		if got, err := os.ReadFile(r.place(name)); err != nil || !bytes.Equal(got, want) {
			return errors.Join(fmt.Errorf("%s is another", name), err)
		}
	}
	return nil
}

// next is a program that does the same and is not the same.
func next(program []byte) []byte { return append(bytes.Clone(program), 0) }

// pretender answers like an agent of a version and is none.
func pretender(version string) []byte {
	return []byte("#!/bin/sh\n[ \"$1\" = version ] && echo '{\"version\":\"" + version + "\"}' && exit\nexit 1\n")
}

func TestAReleaseReplacesThePrograms(t *testing.T) {
	r := newReplaceable(t)
	before := r.pid()
	must(t, os.WriteFile(r.place(".borealis-agent.new-1"), nil, 0o600)) // what an interrupted one leaves
	must(t, os.Mkdir(r.place(".try-1"), 0o700))
	path := r.release(r.key, program("borealis-worker", next(r.worker)), program("borealis-agent", next(r.agent)))
	if out, err := r.command("self-replace", "--user", path); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := r.is(next(r.agent), next(r.worker)); err != nil {
		t.Error(err)
	}
	if r.pid() == before {
		t.Error("not started anew")
	}
	r.do("status", "--user")
	r.do("uninstall", "--user")
	if left := r.files(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestAVersionThatIsNotWellMakesRoomAgain(t *testing.T) {
	r := newReplaceable(t)
	path := r.release(r.key, program("borealis-agent", pretender("9.9.9")), program("borealis-worker", next(r.worker)))
	out, err := r.command("self-replace", "--user", "--within", "1s", path)
	if err == nil || !strings.Contains(out, "version 9.9.9: not well within") {
		t.Errorf("%v: %s", err, out)
	}
	if err := r.is(r.agent, r.worker); err != nil {
		t.Error(err)
	}
	r.do("status", "--user")
}

func TestReleasesAreRefused(t *testing.T) {
	r := newReplaceable(t)
	pid := r.pid()
	_, stranger, err := ed25519.GenerateKey(nil)
	must(t, err)
	agent, worker := program("borealis-agent", next(r.agent)), program("borealis-worker", []byte("worker"))
	tampered, unsigned := r.release(r.key, agent, worker), r.release(r.key, agent, worker)
	data, err := os.ReadFile(tampered)
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(tampered, data, 0o644))
	must(t, os.Remove(unsigned+".sig"))
	for name, tc := range map[string]struct{ path, want string }{
		"another key":   {r.release(stranger, agent, worker), "no key of releases has signed it"},
		"tampered with": {tampered, "no key of releases has signed it"},
		"unsigned":      {unsigned, "no such file"},
		"missing":       {filepath.Join(r.home, "none"), "no such file"},
		"half":          {r.release(r.key, agent), "want borealis-agent and borealis-worker"},
		"twice":         {r.release(r.key, agent, worker, worker), `"borealis-worker" does not belong there`},
		"another file":  {r.release(r.key, agent, worker, program("x", nil)), `"x" does not belong there`},
		"an escape":     {r.release(r.key, program("../borealis-agent", nil)), "does not belong there"},
		"a link":        {r.release(r.key, entry{"borealis-agent", tar.TypeSymlink, nil}, worker), "does not belong there"},
		"of no age":     {r.release(r.key, program("borealis-agent", pretender("next")), worker), `"next" is not known to be at least as new`},
		"no program":    {r.release(r.key, program("borealis-agent", []byte("\x7fELF")), worker), "does not run here"},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := r.command("self-replace", "--user", tc.path); err == nil || !strings.Contains(out, tc.want) {
				t.Errorf("%v: %s", err, out)
			}
			if err := r.is(r.agent, r.worker); err != nil {
				t.Error(err)
			}
		})
	}
	if r.pid() != pid {
		t.Error("a refused release started the service anew")
	}
}

// TestAnInterruptedReplacementComesToOneVersion puts the programs into the states that a kill, or a power cut, leaves.
func TestAnInterruptedReplacementComesToOneVersion(t *testing.T) {
	r := newReplaceable(t)
	put := func(name string, data []byte) { t.Helper(); must(t, replaceFile(r.place(name), data)) }
	journal := func(trials int) {
		put("replacement.json", fmt.Appendf(nil, `{"agent":"%x","trials":%d}`, sha256.Sum256(next(r.agent)), trials))
	}
	t.Run("between worker and agent", func(t *testing.T) {
		put("borealis-agent.before", r.agent)
		put("borealis-worker.before", r.worker)
		journal(0)
		put("borealis-worker", next(r.worker))
		r.do("restart", "--user")
		if err := r.is(r.agent, r.worker); err != nil {
			t.Error(err)
		}
	})
	t.Run("on the way back", func(t *testing.T) {
		put("borealis-worker.before", r.worker)
		journal(1)
		put("borealis-worker", next(r.worker))
		r.do("restart", "--user")
		if err := r.is(r.agent, r.worker); err != nil {
			t.Error(err)
		}
	})
	t.Run("started in vain too often", func(t *testing.T) {
		put("borealis-agent.before", r.agent)
		put("borealis-worker.before", r.worker)
		journal(2)
		put("borealis-worker", next(r.worker))
		put("borealis-agent", next(r.agent))
		r.do("restart", "--user") // the third trial
		if _, err := os.Stat(r.place("replacement.json")); err != nil {
			t.Errorf("already at its end: %v", err)
		}
		manager := exec.Command(filepath.Join(r.home, "bin", "systemctl"), "restart")
		manager.Env = r.environment()
		must(t, manager.Run())
		for pid := r.pid(); !gone(pid) && !zombie(pid); time.Sleep(10 * time.Millisecond) { // the fourth ends by itself
			if t.Context().Err() != nil {
				t.Fatal("it goes on")
			}
		}
		r.do("start", "--user") // as systemd does
		if err := r.is(r.agent, r.worker); err != nil {
			t.Error(err)
		}
	})
}

// replaceFile writes a program whole, also while it runs.
func replaceFile(path string, data []byte) error {
	if err := os.WriteFile(path+".half", data, 0o755); err != nil {
		return err
	}
	return os.Rename(path+".half", path)
}
