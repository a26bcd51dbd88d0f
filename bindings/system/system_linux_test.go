package system

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// spec describes a package with nothing in it.
const spec = `Name: tern
Version: 1.2
Release: 3
Epoch: 1
Summary: nothing
License: none
Vendor: Acme Corp
BuildArch: noarch
%description
Nothing.
%files
`

// TestPackagesOfRpm has rpm make a package and a database, which is then asked through rpm.
func TestPackagesOfRpm(t *testing.T) {
	m := machine{root: t.TempDir(), run: output, now: time.Now}
	work := t.TempDir()
	if err := os.WriteFile(filepath.Join(work, "tern.spec"), []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	ask(t, "rpmbuild", "-bb", "--quiet", "--define", "_topdir "+work, filepath.Join(work, "tern.spec"))
	if none, err := m.software(t.Context()); err != nil || len(none) != 0 {
		t.Fatalf("before: %+v, %v", none, err)
	}
	before, err := m.softwareStamp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask(t, "rpm", "--root", m.root, "--dbpath", "/var/lib/rpm", "-i", "--nodeps", "--noscripts", filepath.Join(work, "RPMS/noarch/tern-1.2-3.noarch.rpm"))
	got, err := m.software(t.Context())
	if want := []installed{{Name: "tern", Version: "1.2-3", Source: "rpm", Publisher: "Acme Corp"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if after, err := m.softwareStamp(t.Context()); err != nil || after == before {
		t.Errorf("the stamp is still %q, %v", after, err)
	}
	m.run = func(context.Context, string, ...string) ([]byte, error) { return nil, errors.New("rpm is broken") }
	if list, err := m.software(t.Context()); err == nil {
		t.Errorf("rpm failed, and nothing was said: %+v", list)
	}
}

func TestTheStampFollowsTheDatabase(t *testing.T) {
	m := machine{root: t.TempDir()}
	status := m.path("var/lib/dpkg/status")
	if err := errors.Join(os.MkdirAll(filepath.Dir(status), 0o755), os.WriteFile(status, []byte("Package: a\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	stamps := map[string]bool{}
	note := func() {
		stamp, err := m.softwareStamp(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stamps[stamp] = true
	}
	note()
	note()
	if len(stamps) != 1 {
		t.Errorf("nothing changed, but the stamp: %v", stamps)
	}
	if err := os.Chtimes(status, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	note()
	if len(stamps) != 2 {
		t.Errorf("the database changed, but not the stamp: %v", stamps)
	}
}

func TestAGrantIsNarrowedToAFunction(t *testing.T) {
	host := hosttest.New(t.TempDir(), "system:cpu")
	set, err := bindings.Open(host, []bindings.Binding{Binding}, host.Grants)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := set.Call(t.Context(), bindings.Call{Module: "system", Func: "cpu"}); err != nil || got.(map[string]any)["name"] == nil {
		t.Errorf("%v, %v", got, err)
	}
	_, err = set.Call(t.Context(), bindings.Call{Module: "system", Func: "software"})
	if failed := new(bindings.Error); !errors.As(err, &failed) || failed.Code != "denied" {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNotThereIsNotAFailure(t *testing.T) {
	m := machine{root: t.TempDir(), run: output, now: time.Now}
	if s, err := m.sessions(t.Context()); err != nil || len(s) != 0 {
		t.Errorf("sessions: %v, %v", s, err)
	}
	if l, err := m.lastLogin(t.Context()); err != nil || l != nil {
		t.Errorf("last login: %v, %v", l, err)
	}
	if s, err := m.software(t.Context()); err != nil || len(s) != 0 {
		t.Errorf("software: %v, %v", s, err)
	}
	if h, err := m.hardware(t.Context()); err != nil || h != (hardware{}) {
		t.Errorf("hardware: %+v, %v", h, err)
	}
	if _, err := m.cpu(t.Context()); err == nil {
		t.Error("a machine without /proc has processors")
	}
}

// BenchmarkSoftware is the dear measurement, BenchmarkSoftwareStamp the question whether it is needed.
func BenchmarkSoftware(b *testing.B) {
	m := here()
	for b.Loop() {
		if _, err := m.software(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSoftwareStamp(b *testing.B) {
	m := here()
	for b.Loop() {
		if _, err := m.softwareStamp(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAudit is what role_DeviceAudit.lua has measured: everything, and only what may have changed.
func BenchmarkAudit(b *testing.B) {
	unchanged := []string{"host", "volumes", "interfaces", "sessions", "last_login", "software_stamp"}
	for name, funcs := range map[string][]string{
		"full": append([]string{"platform", "hardware", "cpu", "memory", "software"}, unchanged...), "unchanged": unchanged,
	} {
		b.Run(name, func(b *testing.B) {
			host := hosttest.New(b.TempDir(), "system")
			set, err := bindings.Open(host, []bindings.Binding{Binding}, host.Grants)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for _, f := range funcs {
					if _, err := set.Call(b.Context(), bindings.Call{Module: "system", Func: f}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
