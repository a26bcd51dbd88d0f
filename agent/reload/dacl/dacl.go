// Package dacl decides whether somebody who does not rule the machine may change what a Windows security descriptor
// protects. It promises to trust only what it understands: a descriptor that it cannot read is an error. It reads the
// descriptor as text (SDDL), so that it is tested wherever it is built, and it touches no file: agent/reload does.
package dacl

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Thing is what a descriptor protects, since not every right matters for each.
type Thing int

// The things.
const (
	File   Thing = iota // its content must stay
	Folder              // nothing may be added to it or taken from it
	Above               // a folder on the way: what lies in it must stay, more may come
)

// Rights of the access mask (winnt.h).
const (
	writeData   = 0x2 // of a folder: add a file
	appendData  = 0x4 // of a folder: add a folder
	deleteChild = 0x40
	remove      = 0x10000
	writeDAC    = 0x40000
	writeOwner  = 0x80000
	genericAll  = 0x10000000
	genericWr   = 0x40000000
)

// harmful are the rights that nobody else may have on each thing.
var harmful = [...]uint32{
	File:   writeData | appendData | remove | writeDAC | writeOwner | genericAll | genericWr,
	Folder: writeData | appendData | deleteChild | remove | writeDAC | writeOwner | genericAll | genericWr,
	Above:  deleteChild | remove | writeDAC | writeOwner | genericAll,
}

// rulers are SYSTEM, the administrators, the installer of Windows, and the owner, who is looked at apart.
var rulers = [...]string{
	"SY", "S-1-5-18", "BA", "S-1-5-32-544", "OW", "S-1-3-4",
	"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
}

// Finding is somebody who may change a thing and should not.
type Finding struct {
	// SID is an S-1-... or one of SDDL's two letters.
	SID string
	// Owner is set when it is the owner, who may always give himself any right.
	Owner bool
}

var descriptor = regexp.MustCompile(`^O:(S-[0-9A-Fa-fx-]+|[A-Z]{2})(?:G:(?:S-[0-9A-Fa-fx-]+|[A-Z]{2}))?D:([A-Z_]*)((?:\([^()]*\))*)(?:S:.*)?$`)

// Check reads a descriptor and finds the first who may change the thing, besides those who rule the machine and self,
// the SID of whoever asks. It is nil when there is nobody.
func Check(sddl, self string, thing Thing) (*Finding, error) {
	parts := descriptor.FindStringSubmatch(sddl)
	if parts == nil {
		return nil, fmt.Errorf("security descriptor %q is not understood", sddl)
	}
	owner, flags, entries := parts[1], parts[2], parts[3]
	trusted := func(sid string) bool { return sid == self || slices.Contains(rulers[:], sid) }
	switch {
	case !trusted(owner):
		return &Finding{SID: owner, Owner: true}, nil
	case strings.Contains(flags, "NO_ACCESS_CONTROL"):
		return &Finding{SID: "S-1-1-0"}, nil
	}
	for entry := range strings.SplitSeq(strings.Trim(entries, "()"), ")(") {
		sid, mask, err := grants(entry)
		if err != nil {
			return nil, fmt.Errorf("security descriptor %q: entry %q: %w", sddl, entry, err)
		}
		if mask&harmful[thing] != 0 && !trusted(sid) {
			return &Finding{SID: sid}, nil
		}
	}
	return nil, nil
}

// grants reads one entry: who gets which rights on the thing itself. An entry that denies, or that only what is made
// below inherits, grants none; so a denied right still counts as one where another entry grants it.
func grants(entry string) (sid string, mask uint32, err error) {
	if entry == "" {
		return "", 0, nil
	}
	fields := strings.Split(entry, ";")
	if len(fields) < 6 {
		return "", 0, fmt.Errorf("%d fields", len(fields))
	}
	switch kind, flags := fields[0], fields[1]; {
	case slices.Contains([]string{"D", "OD", "XD"}, kind):
		return "", 0, nil
	case !slices.Contains([]string{"A", "OA", "XA", "ZA"}, kind):
		return "", 0, fmt.Errorf("unknown kind %q", kind)
	case slices.Contains(pairs(flags), "IO"):
		return "", 0, nil
	}
	mask, err = rights(fields[2])
	return fields[5], mask, err
}

// words are SDDL's names for rights.
var words = map[string]uint32{
	"GA": genericAll, "GR": 0x80000000, "GW": genericWr, "GX": 0x20000000,
	"RC": 0x20000, "SD": remove, "WD": writeDAC, "WO": writeOwner,
	"CC": 0x1, "DC": writeData, "LC": appendData, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": deleteChild, "LO": 0x80, "CR": 0x100,
	"FA": 0x1f01ff, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200a0,
	"KA": 0xf003f, "KR": 0x20019, "KW": 0x20006, "KX": 0x20019,
}

func rights(text string) (mask uint32, err error) {
	if text != "" && '0' <= text[0] && text[0] <= '9' {
		n, err := strconv.ParseUint(text, 0, 32)
		return uint32(n), err
	}
	for _, word := range pairs(text) {
		bits, known := words[word]
		if !known {
			return 0, fmt.Errorf("unknown right %q", word)
		}
		mask |= bits
	}
	return mask, nil
}

// pairs cuts a text into words of two letters.
func pairs(text string) (all []string) {
	for word := range slices.Chunk([]byte(text), 2) {
		all = append(all, string(word))
	}
	return all
}
