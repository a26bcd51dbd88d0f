package main_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table of docs/sandbox.md")

const (
	tableFile = "../docs/sandbox.md"
	tableMark = "<!-- Below this line TestNoRoleFileHurtsTheAgent writes: go test ./agent -run TestNoRoleFile -update -->\n"
)

// compareTable compares the table of the document with the cases that are tried, or rewrites it.
func compareTable(t *testing.T, kinds []kind) {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	before, table, ok := strings.Cut(string(text), tableMark)
	if !ok {
		t.Fatalf("%s: the mark is missing: %s", tableFile, tableMark)
	}
	want := written(kinds)
	switch {
	case *update:
		if err := os.WriteFile(tableFile, []byte(before+tableMark+want), 0o644); err != nil {
			t.Fatal(err)
		}
	case table != want:
		t.Errorf("%s does not list the cases that are tried: run this test with -update", tableFile)
	}
}

func written(kinds []kind) string {
	var b strings.Builder
	n := 0
	for _, k := range kinds {
		n += len(k.offences)
	}
	fmt.Fprintf(&b, "\n%d cases.\n\n| kind | case | brought to offend by | must end so |\n| --- | --- | --- | --- |\n", n)
	for _, k := range kinds {
		for _, o := range k.offences {
			how := o.how
			if how == "" {
				how = "an event"
			}
			if o.only("refused") || o.only("elsewhere") {
				how = "being saved"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", k.name, o.name, how, strings.ReplaceAll(o.want, "|", `\|`))
		}
	}
	return b.String()
}
