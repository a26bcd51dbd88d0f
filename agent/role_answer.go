package main

import (
	"fmt"
	"strings"
	"time"
)

// answer is what an author is told of a role.
type answer struct {
	At     time.Time `json:"at"`
	File   string    `json:"file"`
	OK     bool      `json:"ok"`
	Millis float64   `json:"ms"`
	// Gone says that the file is no longer there; nothing else is said then.
	Gone bool `json:"gone,omitempty"`

	Name    string   `json:"name,omitempty"`
	Version string   `json:"version,omitempty"`
	Events  []string `json:"events,omitempty"`
	Grants  []string `json:"grants,omitempty"`
	// Added and Dropped are grants, against the last version that passed the check.
	Added   []string `json:"grants_added,omitempty"`
	Dropped []string `json:"grants_dropped,omitempty"`

	Problems []flaw   `json:"problems,omitempty"`
	Tests    []tested `json:"tests,omitempty"`
}

// tested is how one test ended.
type tested struct {
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Millis  float64  `json:"ms"`
	Problem *flaw    `json:"problem,omitempty"`
	Printed []string `json:"printed,omitempty"`
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (a answer) failed() (n int) {
	for _, t := range a.Tests {
		if !t.OK {
			n++
		}
	}
	return n
}

// verdict is the answer in a few words.
func (a answer) verdict() string {
	failed := a.failed()
	switch {
	case a.Gone:
		return "is gone"
	case len(a.Problems) > 0 && a.Name != "":
		return "its tests do not load"
	case len(a.Problems) > 0:
		return "refused"
	case failed > 0:
		return fmt.Sprintf("%d of %d tests failed", failed, len(a.Tests))
	case len(a.Tests) == 0:
		return "ok, no tests"
	case len(a.Tests) == 1:
		return "ok, 1 test"
	}
	return fmt.Sprintf("ok, %d tests", len(a.Tests))
}

// String tells of the role as a person reads it.
func (a answer) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s: %s", a.At.Local().Format(time.TimeOnly), printable(a.File), a.verdict())
	if !a.Gone {
		fmt.Fprintf(&out, ", %.0f ms", a.Millis)
	}
	out.WriteString("\n")
	for _, g := range a.Added {
		out.WriteString("  + grant " + printable(g) + "\n")
	}
	for _, g := range a.Dropped {
		out.WriteString("  - grant " + printable(g) + "\n")
	}
	for _, p := range a.Problems {
		out.WriteString(setIn(p.String()))
	}
	for _, t := range a.Tests {
		out.WriteString(t.String())
	}
	return out.String()
}

// String tells of a test that failed; of one that passed there is nothing to tell but what its role printed.
func (t tested) String() string {
	var out strings.Builder
	if !t.OK {
		out.WriteString("  " + printable(t.Name) + "\n" + setIn(setIn(t.Problem.String())))
	}
	for _, line := range t.Printed {
		out.WriteString("  " + printable(t.Name) + " printed " + printable(line) + "\n")
	}
	return out.String()
}

// setIn indents lines that are printable already.
func setIn(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("  " + line)
	}
	return out.String()
}
