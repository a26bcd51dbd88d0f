package system

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// The structures of the firmware's table that are read, by the numbers of the SMBIOS reference (DMTF DSP0134).
const (
	smbiosSystem  = 1
	smbiosBoard   = 2
	smbiosChassis = 3
	smbiosSocket  = 4
	smbiosModule  = 17
	smbiosEnd     = 127
)

// structure is one entry of the table: its formatted part and the texts that follow it.
type structure struct {
	kind  byte
	data  []byte
	texts [][]byte
}

// parseSMBIOS splits a table into its structures. A table that ends in the middle gives what came before: firmware is
// known to lie about lengths, and half an inventory is better than none.
func parseSMBIOS(table []byte) []structure {
	var all []structure
	for len(table) >= 4 {
		kind, length := table[0], int(table[1])
		if length < 4 || length > len(table) {
			break
		}
		s := structure{kind: kind, data: table[:length]}
		end := bytes.Index(table[length:], []byte{0, 0})
		if end < 0 {
			break
		}
		if end > 0 {
			s.texts = bytes.Split(table[length:length+end], []byte{0})
		}
		all = append(all, s)
		if kind == smbiosEnd {
			break
		}
		table = table[length+end+2:]
	}
	return all
}

// byte, word, double and quad give a field, 0 when this version of the table does not have it yet.
func (s structure) byte(at int) byte {
	if at >= len(s.data) {
		return 0
	}
	return s.data[at]
}

func (s structure) word(at int) uint16 {
	if at+2 > len(s.data) {
		return 0
	}
	return binary.LittleEndian.Uint16(s.data[at:])
}

func (s structure) double(at int) uint32 {
	if at+4 > len(s.data) {
		return 0
	}
	return binary.LittleEndian.Uint32(s.data[at:])
}

// text gives the text that the field at an offset numbers; "" for none, and for what stands there when a maker has
// filled in nothing.
func (s structure) text(at int) string {
	n := int(s.byte(at))
	if n == 0 || n > len(s.texts) {
		return ""
	}
	return meaningful(strings.ToValidUTF8(string(s.texts[n-1]), "?"))
}

// placeholders are texts that makers leave where a value should stand, in lower case.
func placeholders() []string {
	return []string{
		"to be filled by o.e.m.", "default string", "not specified", "not applicable", "not available", "not present",
		"none", "n/a", "na", "unknown", "undefined", "oem", "o.e.m.", "system serial number", "system product name",
		"system manufacturer", "system version", "chassis serial number", "base board serial number", "serial number",
		"no dimm", "empty", "123456789", "1234567890",
	}
}

// meaningful is a firmware's text without blanks around it, "" when it says nothing.
func meaningful(text string) string {
	text = strings.TrimSpace(text)
	low := strings.ToLower(text)
	for _, p := range placeholders() {
		if low == p {
			return ""
		}
	}
	if strings.Trim(low, "0fx .-") == "" { // zeros or ones in whatever spelling
		return ""
	}
	return text
}

// uuid gives the field as it is printed: since version 2.6 its first three groups are little-endian.
func (s structure) uuid(at int) string {
	if at+16 > len(s.data) {
		return ""
	}
	b := s.data[at : at+16]
	text := fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:])
	return meaningful(text)
}

// module is one memory device. Bytes is 0 for an empty slot.
type module struct {
	Slot         string `lua:"slot"`
	Bank         string `lua:"bank"`
	Manufacturer string `lua:"manufacturer"`
	Part         string `lua:"part"`
	Serial       string `lua:"serial"`
	Bytes        int64  `lua:"bytes"`
	Speed        *int64 `lua:"speed_mts"`
}

// modules gives the memory devices of a table that hold something.
func modules(table []structure) []module {
	var all []module
	for _, s := range table {
		if s.kind != smbiosModule {
			continue
		}
		m := module{
			Slot: s.text(0x10), Bank: s.text(0x11), Manufacturer: s.text(0x17), Serial: s.text(0x18), Part: s.text(0x1a),
			Bytes: s.moduleSize(), Speed: s.moduleSpeed(),
		}
		if m.Bytes > 0 {
			all = append(all, m)
		}
	}
	return all
}

// moduleSize reads the size in MiB, or in KiB when the highest bit is set; 0x7fff says that the wide field counts.
func (s structure) moduleSize() int64 {
	size := s.word(0x0c)
	switch {
	case size == 0xffff: // not known
		return 0
	case size == 0x7fff:
		return int64(s.double(0x1c)&0x7fffffff) << 20
	case size&0x8000 != 0:
		return int64(size&0x7fff) << 10
	}
	return int64(size) << 20
}

// moduleSpeed is the speed that the module runs at, else the highest that it can, in million transfers a second.
func (s structure) moduleSpeed() *int64 {
	for _, at := range []struct{ narrow, wide int }{{0x20, 0x58}, {0x15, 0x54}} {
		speed := int64(s.word(at.narrow))
		if speed == 0xffff {
			speed = int64(s.double(at.wide) & 0x7fffffff)
		}
		if speed != 0 {
			return &speed
		}
	}
	return nil
}

// socketsOf counts the sockets that hold a central processor, and names the first of these.
func socketsOf(table []structure) (name string, filled int) {
	for _, s := range table {
		if s.kind != smbiosSocket || s.byte(0x05) != 3 || s.byte(0x18)&0x40 == 0 {
			continue
		}
		if filled++; name == "" {
			name = s.text(0x10)
		}
	}
	return name, filled
}

// chassisKind names a chassis by what it is for; "" for one that is neither.
func chassisKind(kind byte) string {
	switch kind & 0x7f {
	case 3, 4, 5, 6, 7, 13, 15, 16, 24, 34, 35, 36:
		return "desktop"
	case 8, 9, 10, 14:
		return "notebook"
	case 11, 30, 31, 32:
		return "tablet"
	case 17, 23, 25, 28, 29:
		return "server"
	}
	return ""
}

// chassisOf reads the same from a text with the number in it.
func chassisOf(text string) string {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return ""
	}
	return chassisKind(byte(n))
}
