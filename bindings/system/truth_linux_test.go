package system

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the module measures is compared here with what other people's programs say of the same machine.

func here() machine { return machine{root: "/", run: output, now: time.Now} }

// ask runs a program that the tests need: scripts/test-deps.sh installs it.
func ask(t *testing.T, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
	return string(text)
}

func askJSON(t *testing.T, into any, argv ...string) {
	t.Helper()
	if err := json.Unmarshal([]byte(ask(t, argv...)), into); err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
}

func TestProcessorsAsLscpuSaysThem(t *testing.T) {
	var said struct {
		Lscpu []struct {
			Field    string
			Data     string
			Children []struct{ Field, Data string }
		}
	}
	askJSON(t, &said, "lscpu", "-J")
	value := map[string]string{}
	for _, f := range said.Lscpu {
		value[strings.TrimSuffix(f.Field, ":")] = f.Data
	}
	number := func(name string) int {
		n, err := strconv.Atoi(value[name])
		if err != nil {
			t.Fatalf("lscpu: %s: %v", name, err)
		}
		return n
	}
	got, err := here().cpu(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != value["Model name"] || *got.Logical != number("CPU(s)") || *got.Sockets != number("Socket(s)") ||
		*got.Physical != number("Socket(s)")*number("Core(s) per socket") {
		t.Errorf("got %q %d %d %d, lscpu says %v", got.Name, *got.Logical, *got.Sockets, *got.Physical, value)
	}
}

func TestVolumesAsFindmntSaysThem(t *testing.T) {
	var said struct {
		Filesystems []struct {
			Source, Target, Fstype string
			Size                   json.Number
		}
	}
	askJSON(t, &said, "findmnt", "-J", "-l", "-b", "-o", "SOURCE,TARGET,FSTYPE,SIZE")
	got, err := here().volumes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 {
		t.Fatal("no volume")
	}
	for _, v := range got {
		i := slices.IndexFunc(said.Filesystems, func(f struct {
			Source, Target, Fstype string
			Size                   json.Number
		},
		) bool {
			return f.Source == v.Device && f.Target == v.Mount
		})
		if i < 0 {
			t.Errorf("findmnt knows no %s on %s", v.Device, v.Mount)
			continue
		}
		f := said.Filesystems[i]
		if f.Fstype != v.FileSystem || f.Size.String() != strconv.FormatUint(v.Total, 10) || v.Used+v.Free > v.Total || v.Used == 0 {
			t.Errorf("%+v, findmnt says %+v", v, f)
		}
	}
}

func TestDisksAsLsblkSaysThem(t *testing.T) {
	var said struct {
		Blockdevices []struct {
			Path       string
			Rm         bool
			Mountpoint string
		}
	}
	askJSON(t, &said, "lsblk", "-J", "-l", "-o", "PATH,RM,MOUNTPOINT")
	got, err := here().mounted(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range said.Blockdevices {
		if !strings.HasPrefix(b.Mountpoint, "/") || strings.HasPrefix(b.Path, "/dev/loop") {
			continue
		}
		i := slices.IndexFunc(got, func(v volume) bool { return v.Device == b.Path })
		if i < 0 || got[i].Removable != b.Rm {
			t.Errorf("lsblk says %+v, got %+v", b, got)
		}
	}
}

func TestInterfacesAsIpSaysThem(t *testing.T) {
	var said []struct {
		Ifname, Address string
		Flags           []string
		Link_type       string
		Addr_info       []struct{ Family, Local, Scope string }
	}
	askJSON(t, &said, "ip", "-j", "addr")
	got, err := here().interfaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(said) {
		t.Fatalf("%d interfaces, ip says %d", len(got), len(said))
	}
	for i, s := range said {
		var four, six []string
		for _, a := range s.Addr_info {
			switch {
			case a.Family == "inet":
				four = append(four, a.Local)
			case a.Scope != "link":
				six = append(six, a.Local)
			}
		}
		mac := s.Address
		if s.Link_type == "loopback" {
			mac = ""
		}
		g := got[i]
		if g.Name != s.Ifname || g.MAC != mac || !slices.Equal(g.IPv4, four) || !slices.Equal(g.IPv6, six) ||
			g.Up != slices.Contains(s.Flags, "UP") || g.Loopback != slices.Contains(s.Flags, "LOOPBACK") {
			t.Errorf("%+v, ip says %+v", g, s)
		}
	}
}

func TestPackagesAsDpkgQuerySaysThem(t *testing.T) {
	var want []installed
	for line := range strings.Lines(ask(t, "dpkg-query", "-W", "-f", `${db:Status-Status}\t${Package}\t${Version}\n`)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); f[0] == "installed" {
			want = append(want, installed{Name: f[1], Version: f[2], Source: "dpkg"})
		}
	}
	all, err := here().dpkg(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, want := tidy(all), tidy(want)
	if len(got) < 50 || !slices.Equal(got, want) {
		t.Errorf("%d packages, dpkg-query says %d", len(got), len(want))
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("%+v, dpkg-query says %+v", got[i], want[i])
			}
		}
	}
}

func TestMemoryAsFreeSaysIt(t *testing.T) {
	fields := strings.Fields(ask(t, "free", "-b")) // total used ... Mem: TOTAL
	i := slices.Index(fields, "Mem:")
	got, err := here().memory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := fields[i+1]; strconv.FormatUint(got.Total, 10) != want {
		t.Errorf("%d bytes, free says %s", got.Total, want)
	}
}

func TestTheHostAsItsProgramsSayIt(t *testing.T) {
	got, err := here().host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	since, err := time.ParseInLocation(time.DateTime, strings.TrimSpace(ask(t, "uptime", "-s")), time.Local)
	if err != nil {
		t.Fatal(err)
	}
	if apart := got.Boot.Sub(since).Abs(); apart > 5*time.Second { // both round, and count from different clocks
		t.Errorf("booted at %v, uptime says %v", got.Boot, since)
	}
	if name := strings.TrimSpace(ask(t, "uname", "-n")); got.Name != name {
		t.Errorf("%q, uname says %q", got.Name, name)
	}
	if name := strings.TrimSpace(ask(t, "id", "-un")); got.User != name {
		t.Errorf("%q, id says %q", got.User, name)
	}
	p, err := here().platform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kernel := strings.TrimSpace(ask(t, "uname", "-r")); p.Kernel != kernel {
		t.Errorf("%q, uname says %q", p.Kernel, kernel)
	}
	if arch := strings.TrimSpace(ask(t, "uname", "-m")); p.Architecture != arch {
		t.Errorf("%q, uname says %q", p.Architecture, arch)
	}
	if name := strings.TrimSpace(ask(t, "sh", "-c", `. /etc/os-release; printf %s "$PRETTY_NAME"`)); p.Name != name {
		t.Errorf("%q, a shell says %q", p.Name, name)
	}
}

// TestALoginAsWhoSaysIt writes a wtmp with util-linux's own utmpdump, and has coreutils' who read it too.
func TestALoginAsWhoSaysIt(t *testing.T) {
	m := machine{root: t.TempDir(), now: time.Now}
	if err := os.MkdirAll(m.path("var/log"), 0o755); err != nil {
		t.Fatal(err)
	}
	const dump = "[7] [00042] [ts/3] [marta   ] [pts/3       ] [198.51.100.7        ] [198.51.100.7   ] [2026-01-22T05:41:09,000000+00:00]\n" +
		"[7] [00043] [ts/4] [amy     ] [pts/4       ] [                    ] [0.0.0.0        ] [2026-01-23T06:00:00,250000+00:00]\n" +
		"[8] [00043] [ts/4] [        ] [pts/4       ] [                    ] [0.0.0.0        ] [2026-01-23T07:00:00,000000+00:00]\n"
	cmd := exec.Command("utmpdump", "-r", "-o", m.path("var/log/wtmp"))
	cmd.Stdin = strings.NewReader(dump)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("utmpdump: %v: %s", err, text)
	}
	if who := ask(t, "who", m.path("var/log/wtmp")); !strings.Contains(who, "amy") || !strings.Contains(who, "marta") {
		t.Fatalf("who reads %q", who)
	}
	got, err := m.lastLogin(t.Context())
	if err != nil || got.User != "amy" || !got.At.Equal(time.Date(2026, 1, 23, 6, 0, 0, 250e6, time.UTC)) {
		t.Errorf("%+v, %v", got, err)
	}
	text, err := m.read("var/log/wtmp")
	if err != nil {
		t.Fatal(err)
	}
	all, pids := utmpOf("amd64").parse(text)
	if len(all) != 2 || all[0].User != "marta" || all[0].From != "198.51.100.7" || all[0].Terminal != "pts/3" || pids[0] != 42 {
		t.Errorf("%+v %v", all, pids)
	}
}
