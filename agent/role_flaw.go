package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// flaw is one thing that is wrong: where, the line itself, and what to do about it as far as that is known.
type flaw struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Text   string `json:"text"`
	Source string `json:"source,omitempty"`
	Mend   string `json:"mend,omitempty"`
	// From are the places that led there, as "file:line".
	From []string `json:"from,omitempty"`
}

// texts are the files that a problem may be in, by the names that it may have there.
type texts map[string]string

func sources(s role.Suite) texts {
	t := texts{s.Role.File: string(s.Role.Text), s.Tests.File: string(s.Tests.Text)}
	for _, lib := range s.Libs {
		t[lib.File] = string(lib.Text)
	}
	return t
}

// flaw finds the place in a text such as "inner: x_test.lua:2: role_x.lua:7: no such thing". Of several places the last
// counts, which is where it happened; those before it led there.
func (t texts) flaw(text string) flaw {
	f := flaw{Text: text, Mend: roleMendOf(text)}
	at := t.place(text)
	if at == nil {
		return f
	}
	before := text[:at.begin]
	for {
		text = text[at.end:]
		f.File, f.Line, f.Text, f.Source = at.file, at.line, before+text, t.line(at.file, at.line)
		next := t.place(text)
		if next == nil || next.begin > 0 {
			return f
		}
		f.From = append(f.From, fmt.Sprintf("%s:%d", at.file, at.line))
		at = next
	}
}

// place is "file:line: " within a text.
type place struct {
	file             string
	line, begin, end int
}

// place finds the first in a text that names one of the files.
func (t texts) place(text string) (first *place) {
	for file := range t {
		at := regexp.MustCompile(regexp.QuoteMeta(file) + `:(\d+): `).FindStringSubmatchIndex(text)
		if file == "" || at == nil || first != nil && at[0] >= first.begin {
			continue
		}
		line, _ := strconv.Atoi(text[at[2]:at[3]])
		first = &place{file, line, at[0], at[1]}
	}
	return first
}

// line is a line of a file, "" where there is none.
func (t texts) line(file string, n int) string {
	lines := strings.Split(t[file], "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[n-1], " \t\r")
}

func (t texts) flaws(all []string) (out []flaw) {
	for _, text := range all {
		for line := range strings.Lines(text) {
			out = append(out, t.flaw(strings.TrimSuffix(line, "\n")))
		}
	}
	return out
}

// String shows a problem as a person reads it: the first line is one that editors jump from.
func (p flaw) String() string {
	var out strings.Builder
	if p.File != "" {
		out.WriteString(printable(p.File) + ":" + strconv.Itoa(p.Line) + ": ")
	}
	out.WriteString(strings.TrimSuffix(strings.TrimPrefix(indented(p.Text), "  "), "\n") + "\n")
	if strings.TrimSpace(p.Source) != "" {
		number := strconv.Itoa(p.Line)
		out.WriteString("  " + number + " | " + printable(strings.ReplaceAll(p.Source, "\t", "  ")) + "\n")
	}
	for _, from := range p.From {
		out.WriteString("  from " + printable(from) + "\n")
	}
	if p.Mend != "" {
		out.WriteString("  mend: " + printable(p.Mend) + "\n")
	}
	return out.String()
}
