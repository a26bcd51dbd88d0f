package system

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestWhatMakersDoNotFillIn(t *testing.T) {
	for text, want := range map[string]string{
		" To be filled by O.E.M. ": "", "Default string": "", "00000000": "", "0x00000000": "", "FFFFFFFF": "", "": "",
		"None": "", "System Serial Number": "", "00000000-0000-0000-0000-000000000000": "", "..............": "",
		"7XQ2LM3": "7XQ2LM3", " A1 ": "A1", "VMware-56 4d 00": "VMware-56 4d 00", "0F1A": "0F1A",
	} {
		if got := meaningful(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestVirtualMachinesByTheirMakers(t *testing.T) {
	for maker, want := range map[string]string{
		"QEMU Standard PC (Q35 + ICH9, 2009) pc-q35-7.2": "qemu", "VMware, Inc. VMware7,1 None": "vmware",
		"Microsoft Corporation Virtual Machine Hyper-V UEFI Release v4.1": "hyperv", "Microsoft Corporation Surface Pro 9 ": "",
		"innotek GmbH VirtualBox 1.2": "virtualbox", "Amazon EC2 m5.large ": "amazon", "Amazon EC2 m5.metal ": "",
		"Red Hat KVM RHEL-8.6.0 PC": "kvm", "Xen HVM domU 4.11": "xen", "Google Google Compute Engine ": "google",
		"Dell Inc. PowerEdge R650 ": "", "LENOVO 21HM ThinkPad X1": "", "Parallels Software International Inc. Parallels ARM Virtual Machine": "parallels",
	} {
		if got := hypervisorOf(maker); got != want {
			t.Errorf("%q: %q, want %q", maker, got, want)
		}
	}
}

func TestNamesOfWindows(t *testing.T) {
	for _, c := range []struct{ product, display, build, revision, want string }{
		{"Windows 10 Pro", "23H2", "22631", "3007", "Microsoft Windows 11 Pro 23H2 Build 22631.3007"},
		{"Windows 10 Pro", "22H2", "19045", "4046", "Microsoft Windows 10 Pro 22H2 Build 19045.4046"},
		{"Windows Server 2022 Standard", "21H2", "20348", "2227", "Microsoft Windows Server 2022 Standard 21H2 Build 20348.2227"},
		{"Microsoft Windows 7", "", "7601", "", "Microsoft Windows 7 Build 7601"},
	} {
		if got := windowsName(c.product, c.display, c.build, c.revision); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestReleaseFilesAsAShellReadsThem(t *testing.T) {
	const text = "# a comment\nNAME=\"Quoted \\\"twice\\\" \\$x\"\nID=bare\nSINGLE='as \\it is'\n\nEMPTY=\nnonsense\n"
	want := map[string]string{"NAME": `Quoted "twice" $x`, "ID": "bare", "SINGLE": `as \it is`, "EMPTY": ""}
	got := parseRelease(text)
	if len(got) != len(want) {
		t.Errorf("%q", got)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: %q, want %q", name, got[name], value)
		}
	}
}

func TestDomainsInAHostsFile(t *testing.T) {
	const hosts = "127.0.0.1 localhost tern.localdomain\n# 10.0.0.9 tern.commented.example\n10.0.0.3 tern2.other.example tern2\n10.0.0.2\tTern.Lab.Example tern # x\n"
	for name, want := range map[string]string{"tern": "lab.example", "tern2": "other.example", "ter": "", "": ""} {
		if got := domainIn(hosts, name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestReceiptsOfMacOS(t *testing.T) {
	// Written by hand in the format of /Library/Receipts/InstallHistory.plist.
	const text = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><array>
<dict><key>date</key><date>2025-01-02T03:04:05Z</date><key>displayName</key><string>macOS 14.5</string>
<key>displayVersion</key><string>14.5</string><key>packageIdentifiers</key><array><string>com.example.a</string></array>
<key>processName</key><string>softwareupdated</string></dict>
<dict><key>displayName</key><string>Pages &amp; more</string><key>displayVersion</key><string>13.0</string></dict>
<dict><key>displayName</key><string>Pages &amp; more</string><key>displayVersion</key><string>13.2</string></dict>
</array></plist>`
	got, err := parseHistory([]byte(text))
	want := []installed{{Name: "macOS 14.5", Version: "14.5", Source: "receipt"}, {Name: "Pages & more", Version: "13.2", Source: "receipt"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseHistory([]byte("bplist00")); err == nil {
		t.Error("a binary list was read as XML")
	}
}

func TestSoftwareIsListedOnce(t *testing.T) {
	got := tidy([]installed{{Name: "b", Version: "1"}, {Name: "a", Version: "2"}, {Name: "b", Version: "1"}, {Name: "a", Version: "1"}})
	want := []installed{{Name: "a", Version: "1"}, {Name: "a", Version: "2"}, {Name: "b", Version: "1"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// FuzzParsers gives the same bytes to every reader of foreign files: none may panic, or make more than it was given.
func FuzzParsers(f *testing.F) {
	for _, seed := range []string{
		"", "\x01\x08\x00\x00\x01\x02\x03\x04Acme\x00\x00\x7f\x04\x00\x00\x00\x00", "\x11\xff", "Package: a\nStatus: install ok installed\nVersion: 1\n\n",
		"P:busybox\nV:1\n\n", "bash\t5.2-1\tAcme\n", "ID=\"debian\n", "USER=mira\nCLASS=user\nREALTIME=99999999999999999999\n",
		"<plist><array><dict><key>displayName</key><string>x</string></dict></array></plist>", strings.Repeat("\x07", 400),
		"10.0.0.2 a.b a # c", "version: '1'\n", "<component><releases><release version=\"1\"/></releases></component>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		table := parseSMBIOS(b)
		identify(table)
		n := len(modules(table)) + len(parseRpm(b)) + len(parseRelease(string(b)))
		for _, parse := range []func(io.Reader) ([]installed, error){parseDpkg, parseApk} {
			list, err := parse(bytes.NewReader(b))
			if err != nil {
				t.Error(err)
			}
			n += len(list)
		}
		if n > 5*len(b) {
			t.Errorf("%d things out of %d bytes", n, len(b))
		}
		for _, arch := range []string{"amd64", "arm64"} {
			l := utmpOf(arch)
			if all, pids := l.parse(b); len(all) != len(pids) || len(all) > len(b)/l.size {
				t.Errorf("%d logins, %d processes", len(all), len(pids))
			}
		}
		_, _ = parseHistory(b)
		parseLogind(string(b))
		domainIn(string(b), "a")
	})
}
