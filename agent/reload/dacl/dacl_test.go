package dacl

import (
	"strings"
	"testing"
)

const (
	bob       = "S-1-5-21-1004336348-1177238915-682003330-1001"
	installer = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
)

// The descriptors are written from the documented defaults of Windows 10 and 11, in the form of `icacls /save`; none was
// recorded on a machine here.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		sddl  string
		thing Thing
		want  string // who is found; "" for nobody, "owner ..." for an owner
	}{
		"the root of a drive": {"O:" + installer + "G:" + installer + "D:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)", Above, ""},
		"Program Files": {"O:" + installer + "G:" + installer + "D:PAI(A;;FA;;;" + installer + ")(A;CIIO;GA;;;" + installer + ")(A;;0x1301bf;;;SY)" +
			"(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)(A;OICIIO;GA;;;BA)(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)(A;OICIIO;GA;;;CO)(A;;0x1200a9;;;AC)", Folder, ""},
		"ProgramData on the way":  {"O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)", Above, ""},
		"a folder in ProgramData": {"O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIIOID;GA;;;CO)(A;OICIID;0x1200a9;;;BU)(A;CIID;DCLCRPCR;;;BU)", Folder, "BU"},
		"a file in ProgramData":   {"O:BAG:SYD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)", File, ""},
		"a folder of the drive":   {"O:BAG:SYD:AI(A;ID;FA;;;BA)(A;OICIIOID;GA;;;BA)(A;ID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)(A;OICIIOID;SDGXGWGR;;;AU)", Folder, "AU"},
		"the same on the way":     {"O:BAG:SYD:AI(A;ID;FA;;;BA)(A;ID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)", Above, "AU"}, // it may be renamed
		"a file of the drive":     {"O:BAG:SYD:AI(A;ID;FA;;;BA)(A;ID;FA;;;SY)(A;ID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)", File, "AU"},
		"a user's own file":       {"O:" + bob + "G:" + bob + "D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;" + bob + ")", File, "owner " + bob},
		"somebody else's right":   {"O:BAG:BAD:(A;;FA;;;SY)(A;;0x1201bf;;;" + bob + ")", File, bob},
		"only to remove it":       {"O:SYG:SYD:P(A;;FA;;;SY)(A;;SD;;;BU)", File, "BU"},
		"only to be its owner":    {"O:SYG:SYD:P(A;;FA;;;SY)(A;;WO;;;WD)", Above, "WD"},
		"only its rights":         {"O:SYG:SYD:P(A;;FA;;;SY)(A;;WD;;;AN)", Above, "AN"},
		"what lies in it":         {"O:SYG:SYD:P(A;;FA;;;SY)(A;;DT;;;BU)", Above, "BU"},
		"more into it":            {"O:SYG:SYD:P(A;;FA;;;SY)(A;;DCLC;;;BU)", Above, ""},
		"all in one word":         {"O:SYG:SYD:P(A;;GA;;;IU)", Above, "IU"},
		"write in one word":       {"O:SYG:SYD:P(A;;GW;;;IU)", Folder, "IU"},
		"by the file's words":     {"O:SYG:SYD:P(A;;FRFX;;;BU)(A;;FW;;;BU)", File, "BU"},
		"reading":                 {"O:SYG:SYD:P(A;;FRFX;;;BU)(A;;GRGX;;;WD)(A;;RCRPLOCCSWWP;;;WD)", Folder, ""},
		"attributes only":         {"O:SYG:SYD:P(A;;0x120110;;;BU)", File, ""},
		"with a label":            {"O:SYG:SYD:P(A;;FA;;;SY)S:AI(ML;;NW;;;LW)", File, ""},
		"with an audit":           {"O:SYG:SYD:P(A;;FA;;;SY)S:(AU;SAFA;FA;;;WD)", File, ""},
		"denied, yet granted":     {"O:SYG:SYD:P(D;;FW;;;BU)(A;;FA;;;BU)", File, "BU"},
		"denied":                  {"O:SYG:SYD:P(D;;FW;;;BU)(A;;FR;;;BU)", File, ""},
		"nobody at all":           {"O:SYG:SYD:P", File, ""},
		"no list":                 {"O:SYG:SYD:NO_ACCESS_CONTROL", File, "S-1-1-0"},
		"whoever asks":            {"O:S-1-5-21-1-2-3-500G:BAD:(A;;FA;;;S-1-5-21-1-2-3-500)", File, ""},
		"the owner, by that name": {"O:BAG:BAD:(A;;FA;;;OW)(A;;FA;;;S-1-3-4)", File, ""},
		"an object's entry":       {"O:SYG:SYD:(OA;;GW;4c164200-20c0-11d0-a768-00aa006e0529;;BU)", File, "BU"},
	} {
		found, err := Check(c.sddl, "S-1-5-21-1-2-3-500", c.thing)
		got := ""
		if found != nil {
			got = found.SID
		}
		if found != nil && found.Owner {
			got = "owner " + got
		}
		if err != nil || got != c.want {
			t.Errorf("%s: found %q, %v; want %q", name, got, err, c.want)
		}
	}
}

func TestWhatIsNotUnderstoodIsNotTrusted(t *testing.T) {
	for _, sddl := range []string{
		"", "D:P(A;;FA;;;SY)", "O:SY", "O:SYG:SY", "O:SYG:SYS:AI", "O:SYD:(A;;FA;;;SY", "O:SYD:(A;;FA;;;SY))", "O:SYD:(A;;ZZ;;;BU)",
		"O:SYD:(A;;F;;;BU)", "O:SYD:(Q;;FA;;;BU)", "O:SYD:(A;;FA)", "O:SYD:(A;;0x1ffffffff;;;BU)", "O:SYD:(A;;0xg;;;BU)",
		`O:SYD:(XA;;FA;;;BU;(Member_of {SID(BA)}))`, "O:SYD:()x", "O:sYD:",
	} {
		if found, err := Check(sddl, "", File); err == nil {
			t.Errorf("%q: %+v", sddl, found)
		}
	}
}

// FuzzCheck: whatever stands beside it in the list, whoever is granted everything is found, or the list refused.
func FuzzCheck(f *testing.F) {
	f.Add("PAI(A;OICI;FA;;;SY)", "(D;;FA;;;BG)")
	f.Add("(A;OICIIO;GA;;;BG", "S")
	f.Add("NO_ACCESS_CONTROL", "()")
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before, ":") {
			return // another part of the descriptor, which grants nothing
		}
		sddl := "O:SYG:SYD:" + before + "(A;;GA;;;BG)" + after
		if found, err := Check(sddl, "S-1-5-18", Above); err == nil && found == nil {
			t.Errorf("%q: nobody", sddl)
		}
	})
}
