package system

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows/registry"
)

func here() machine { return machine{root: `\`, run: output, now: time.Now} }

func TestTheMachineHasWhatEveryMachineHas(t *testing.T) {
	m := here()
	host, err := m.host(t.Context())
	if err != nil || host.User == "" || !strings.EqualFold(host.Name, os.Getenv("COMPUTERNAME")) || host.Uptime <= 0 {
		t.Errorf("%+v, %v", host, err)
	}
	cpu, err := m.cpu(t.Context())
	if err != nil || cpu.Logical == nil || *cpu.Logical < 1 {
		t.Errorf("%+v, %v", cpu, err)
	}
	memory, err := m.memory(t.Context())
	if err != nil || memory.Total < 64<<20 {
		t.Errorf("%+v, %v", memory, err)
	}
	volumes, err := m.volumes(t.Context())
	if err != nil || !slices.ContainsFunc(volumes, func(v volume) bool {
		return v.Device == os.Getenv("SystemDrive") && v.Total > 0 && v.Free <= v.Total && !v.Removable
	}) {
		t.Errorf("%+v, %v", volumes, err)
	}
	if _, err := m.sessions(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := m.lastLogin(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheVersionAsCmdSaysIt(t *testing.T) {
	said, err := exec.Command("cmd", "/c", "ver").Output() // Microsoft Windows [Version 10.0.22631.3007]
	if err != nil {
		t.Fatal(err)
	}
	p, err := here().platform(t.Context())
	if err != nil || !strings.HasPrefix(p.Name, "Microsoft Windows ") || !strings.Contains(string(said), p.Kernel) {
		t.Errorf("%+v, %v, ver says %s", p, err, said)
	}
}

func TestTheFirmwaresTable(t *testing.T) {
	table := here().table()
	if table == nil {
		t.Fatal("no table")
	}
	if _, err := here().hardware(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestProgramsInTheRegistry puts uninstall keys of its own into both views of the machine's hive, and takes them out.
func TestProgramsInTheRegistry(t *testing.T) {
	m := here()
	before, err := m.softwareStamp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put := func(view uint32, name string, values map[string]string, hidden uint32) {
		key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, uninstall+`\`+name, registry.ALL_ACCESS|view)
		if err != nil {
			t.Fatal("it takes an administrator:", err)
		}
		defer key.Close()
		t.Cleanup(func() { registry.DeleteKey(registry.LOCAL_MACHINE, uninstall+`\`+name) })
		for n, v := range values {
			if err := key.SetStringValue(n, v); err != nil {
				t.Fatal(err)
			}
		}
		if err := key.SetDWordValue("SystemComponent", hidden); err != nil {
			t.Fatal(err)
		}
	}
	put(registry.WOW64_64KEY, "Borealis-test-a", map[string]string{"DisplayName": " Tern ", "DisplayVersion": "1.2", "Publisher": "Acme"}, 0)
	put(registry.WOW64_64KEY, "Borealis-test-b", map[string]string{"DisplayName": "Hidden tern"}, 1)
	put(registry.WOW64_64KEY, "Borealis-test-c", map[string]string{"DisplayVersion": "nameless"}, 0)
	list, err := m.software(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(list, installed{Name: "Tern", Version: "1.2", Publisher: "Acme", Source: "local_installed"}) {
		t.Errorf("not there: %+v", list)
	}
	for _, p := range list {
		if p.Name == "" || p.Name == "Hidden tern" {
			t.Errorf("%+v", p)
		}
	}
	if after, err := m.softwareStamp(t.Context()); err != nil || after == before {
		t.Errorf("the stamp is still %q, %v", after, err)
	}
}
