package reload

import (
	"strings"
	"testing"
)

func TestNamesThatDifferOnlyInCaseAreOne(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("Same", "one"))
	f.untilState("role_a.lua", Running)
	f.save("role_b.lua", saying("sAME", "two"))
	s := f.untilState("role_b.lua", Refused)
	for _, word := range []string{`role_b.lua: ROLE_NAME "sAME"`, `"Same" of role_a.lua`, "only in case"} {
		if !strings.Contains(s.Reason, word) {
			t.Errorf("%q lacks %q", s.Reason, word)
		}
	}
	f.answers("one")
	f.save("role_a.lua", saying("SAME", "three")) // its own name, it may write as it likes
	f.answers("three")
}

func TestANameThatIsFreeGoesToWhoWasRefusedForIt(t *testing.T) {
	for name, free := range map[string]func(f *folder){
		"its file went":                   func(f *folder) { f.remove("role_a.lua") },
		"its file has another":            func(f *folder) { f.save("role_a.lua", strings.ReplaceAll(saying("c", "c"), "ask", "never")) },
		"quarantined, then its file went": func(f *folder) { f.killAll("role_a.lua"); f.remove("role_a.lua") },
	} {
		t.Run(name, func(t *testing.T) {
			f := watchFolder(t)
			f.save("role_a.lua", saying("a", "one"))
			f.untilState("role_a.lua", Running)
			f.save("role_b.lua", saying("a", "two"))
			f.untilState("role_b.lua", Refused)
			free(f)
			f.untilState("role_b.lua", Running)
			f.answers("two")
		})
	}
}

// A role whose name is taken must not run, not even to be refused then.
func TestARoleWhoseNameIsTakenNeverRuns(t *testing.T) {
	f := watchFolder(t)
	f.save("role_a.lua", saying("a", "one"))
	f.untilState("role_a.lua", Running)
	f.save("role_b.lua", strings.Replace(saying("a", "two"), "return Role", `desk.say("ran") return Role`, 1))
	f.untilState("role_b.lua", Refused)
	if n := len(f.said); n != 0 {
		t.Errorf("it said %q", <-f.said)
	}
}
