package system

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// entry appends a structure to a table: its fields from offset 4 on, and its texts.
func entry(table []byte, kind byte, handle uint16, fields []byte, texts ...string) []byte {
	table = append(table, kind, byte(4+len(fields)))
	table = binary.LittleEndian.AppendUint16(table, handle)
	table = append(table, fields...)
	for _, text := range texts {
		table = append(append(table, text...), 0)
	}
	if len(texts) == 0 {
		table = append(table, 0)
	}
	return append(table, 0)
}

// device is the fields of a memory device in the form of SMBIOS 3.3, with texts 1 to 5 in their places.
func device(size uint16, extended uint32, speed, configured uint16, extendedSpeed, extendedConfigured uint32) []byte {
	f := make([]byte, 0x5c-4)
	put16 := func(at int, v uint16) { binary.LittleEndian.PutUint16(f[at-4:], v) }
	put32 := func(at int, v uint32) { binary.LittleEndian.PutUint32(f[at-4:], v) }
	put16(0x04, 0x1000)
	put16(0x0c, size)
	f[0x0e-4], f[0x12-4] = 9, 0x22 // DIMM, DDR5
	f[0x10-4], f[0x11-4], f[0x17-4], f[0x18-4], f[0x1a-4] = 1, 2, 3, 4, 5
	put16(0x15, speed)
	put32(0x1c, extended)
	put16(0x20, configured)
	put32(0x54, extendedSpeed)
	put32(0x58, extendedConfigured)
	return f
}

// workstation is the table of a machine that no two of whose modules are alike, written by hand after the reference.
func workstation() []byte {
	system := []byte{1, 2, 3, 4, 0x44, 0x45, 0x4c, 0x4c, 0x58, 0, 0x10, 0x51, 0x80, 0x32, 0xb7, 0xc0, 0x4f, 0x4c, 0x4d, 0x33, 6, 0, 0}
	t := entry(nil, smbiosSystem, 1, system, "Contoso Ltd", "Tower 9", "  rev B ", "SN-0042")
	t = entry(t, smbiosBoard, 2, []byte{1, 2, 3, 4}, "Contoso Ltd", "Board", "1", "To Be Filled By O.E.M.")
	t = entry(t, smbiosChassis, 3, []byte{1, 0x83, 2, 3, 0, 3, 3, 3, 3, 0, 0, 0, 0, 0, 1, 0, 0}, "Contoso Ltd", "1", "CH-7")
	for i, status := range []byte{0x41, 0x41, 0x00} { // two of three filled
		t = entry(t, smbiosSocket, uint16(4+i), []byte{1, 3, 0xb3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, status, 1}, "CPU", "Acme", "Acme Xyz 3000")
	}
	array := []byte{3, 3, 3, 0, 0, 0, 0x10, 0xfe, 0xff, 5, 0}
	t = entry(t, 16, 0x1000, array)
	t = entry(t, smbiosModule, 0x1100, device(16384, 0, 3200, 2933, 0, 0), "DIMM_A1", "BANK 0", "Acme", "A1B2C3D4", "AC16-3200")
	t = entry(t, smbiosModule, 0x1101, device(0x7fff, 65536, 0xffff, 0xffff, 70000, 68000), "DIMM_A2", "BANK 1", "Acme", "00000000", "AC64")
	t = entry(t, smbiosModule, 0x1102, device(0x8000|512, 0, 100, 0, 0, 0), "FLASH", "BANK 2", "Acme", "5", "AC")
	t = entry(t, smbiosModule, 0x1103, device(0, 0, 0, 0, 0, 0), "DIMM_B1", "BANK 3", "NO DIMM", "NO DIMM", "NO DIMM")
	t = entry(t, smbiosModule, 0x1104, device(0xffff, 0, 0, 0, 0, 0), "DIMM_B2", "BANK 4", "Acme", "5", "AC")
	return entry(t, smbiosEnd, 0xfe00, nil)
}

// dmidecode has Debian's dmidecode read a table.
func dmidecode(t *testing.T, table []byte, args ...string) string {
	t.Helper()
	start := append([]byte("_SM3_"), 0, 24, 3, 3, 0, 1, 0) // checksum, length, version 3.3.0, revision 1
	start = binary.LittleEndian.AppendUint32(start, uint32(len(table)))
	start = binary.LittleEndian.AppendUint64(start, 32)
	var sum byte
	for _, b := range start {
		sum += b
	}
	start[5] = -sum
	file := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(file, slices.Concat(start, make([]byte, 8), table), 0o600); err != nil {
		t.Fatal(err)
	}
	return ask(t, append([]string{"dmidecode", "--from-dump", file}, args...)...)
}

// recorded is the table that QEMU's firmware laid into the memory of a guest.
func recorded(t *testing.T) []byte {
	t.Helper()
	root := t.TempDir()
	unpackFile(t, "testdata/machines/qemu-guest.txtar", root)
	table, err := os.ReadFile(filepath.Join(root, "sys/firmware/dmi/tables/DMI"))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestTablesAsDmidecodeReadsThem(t *testing.T) {
	for name, table := range map[string][]byte{"by hand": workstation(), "recorded": recorded(t)} {
		t.Run(name, func(t *testing.T) {
			h := identify(parseSMBIOS(table))
			for keyword, got := range map[string]string{
				"system-manufacturer": h.Manufacturer, "system-product-name": h.Model, "system-version": h.Version,
				"system-serial-number": h.Serial, "system-uuid": h.UUID, "baseboard-serial-number": h.BoardSerial,
				"chassis-serial-number": h.ChassisSerial,
			} {
				said := strings.TrimSpace(dmidecode(t, table, "-s", keyword))
				if want := meaningful(said); got != want {
					t.Errorf("%s: %q, dmidecode says %q", keyword, got, said)
				}
			}
			compareModules(t, modules(parseSMBIOS(table)), dmidecode(t, table, "-t", "17"))
			said := strings.Count(dmidecode(t, table, "-t", "4"), "Status: Populated")
			version, _, _ := strings.Cut(dmidecode(t, table, "-s", "processor-version"), "\n")
			if name, filled := socketsOf(parseSMBIOS(table)); filled != said || name != version {
				t.Errorf("%d sockets with %q, dmidecode says %d with %q", filled, name, said, version)
			}
		})
	}
}

// compareModules goes through the devices that dmidecode prints.
func compareModules(t *testing.T, got []module, said string) {
	t.Helper()
	n := 0
	for _, block := range strings.Split(said, "Memory Device\n")[1:] {
		value := map[string]string{}
		for line := range strings.Lines(block) {
			if name, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				value[name] = v
			}
		}
		size, known := bytesOf(value["Size"])
		if !known {
			continue
		}
		if n == len(got) {
			t.Fatalf("%d modules, dmidecode has more: %s", len(got), block)
		}
		speed := value["Configured Memory Speed"]
		if speed == "Unknown" {
			speed = value["Speed"]
		}
		g, speedOfGot := got[n], "Unknown"
		if g.Speed != nil {
			speedOfGot = strconv.FormatInt(*g.Speed, 10) + " MT/s"
		}
		if g.Bytes != size || speedOfGot != speed || g.Slot != value["Locator"] || g.Bank != meaningful(value["Bank Locator"]) ||
			g.Serial != meaningful(value["Serial Number"]) || g.Part != meaningful(value["Part Number"]) || g.Manufacturer != value["Manufacturer"] {
			t.Errorf("%+v %s, dmidecode says %v", g, speedOfGot, value)
		}
		n++
	}
	if n != len(got) || n == 0 {
		t.Errorf("%d modules, dmidecode has %d", len(got), n)
	}
}

func bytesOf(text string) (int64, bool) {
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	shift := map[string]uint{"kB": 10, "MB": 20, "GB": 30, "TB": 40}[unit]
	return n << shift, err == nil && shift > 0
}

func TestATableThatBreaksOff(t *testing.T) {
	whole := workstation()
	for n := range whole {
		table := parseSMBIOS(whole[:n])
		if len(table) > 13 {
			t.Fatalf("%d structures out of %d bytes", len(table), n)
		}
		modules(table)
		identify(table)
	}
	if n := len(parseSMBIOS(whole)); n != 13 {
		t.Errorf("%d structures", n)
	}
}
