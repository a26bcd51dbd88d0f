package all

import (
	"strings"
)

// comment is a run of lines that begin with three dashes: prose, then tags.
type comment struct {
	line     int
	text     []string
	tags     []tag
	examples []example
}

// tag is one ---@kind. Of a class, typ is the parent.
type tag struct {
	line     int
	kind     string
	name     string
	optional bool
	typ      string
	text     string
}

func (c comment) all(kind string) []tag {
	var out []tag
	for _, t := range c.tags {
		if t.kind == kind {
			out = append(out, t)
		}
	}
	return out
}

// summarized reports whether the first line stands alone and is a sentence.
func (c comment) summarized() bool {
	return len(c.text) > 0 && strings.HasSuffix(c.text[0], ".") && (len(c.text) == 1 || c.text[1] == "")
}

// comments finds the comments, by the line of the statement that each stands above; those that stand alone are there
// too, under the line of what is not a statement.
func (f *face) comments(text string) map[int]comment {
	found := map[int]comment{}
	var lines []string
	for i, line := range append(strings.Split(text, "\n"), "") {
		number := i + 1
		if strings.Contains(line, "\t") {
			f.complain(number, "a tab; faces indent with two spaces")
		}
		if rest, ok := strings.CutPrefix(line, "---"); ok {
			lines = append(lines, rest)
			continue
		}
		if len(lines) > 0 {
			found[number] = f.comment(number-len(lines), lines)
			lines = nil
		}
	}
	return found
}

// comment reads the lines of one comment, without their dashes.
func (f *face) comment(first int, lines []string) comment {
	c := comment{line: first}
	fence := 0 // the line where an example began
	for i, line := range lines {
		number := first + i
		switch text := strings.TrimPrefix(line, " "); {
		case strings.HasPrefix(line, "@"):
			c.tags = append(c.tags, f.tag(number, line[1:]))
		case line != "" && !strings.HasPrefix(line, " "):
			f.complain(number, "---%s: a space is missing", line)
		case fence == 0 && text == "```lua":
			fence = number
			c.examples = append(c.examples, example{line: number + 1})
		case fence == 0 && strings.HasPrefix(text, "```"):
			f.complain(number, "an example that is not marked as ```lua")
		case text == "```":
			fence = 0
		case fence > 0:
			c.examples[len(c.examples)-1].code += text + "\n"
		case len(c.tags) > 0:
			f.complain(number, "prose below the tags")
		default:
			c.text = append(c.text, text)
		}
	}
	if fence > 0 {
		f.complain(fence, "the example has no end")
	}
	return c
}

// tag reads what stands behind ---@.
func (f *face) tag(line int, text string) tag {
	kind, rest, _ := strings.Cut(text, " ")
	t := tag{line: line, kind: kind}
	switch kind {
	case "meta", "async":
		t.text = rest
	case "class":
		t.name, t.typ, _ = strings.Cut(rest, ": ")
	case "alias":
		t.name, t.typ, _ = strings.Cut(rest, " ")
	case "param", "field":
		t.name, rest, _ = strings.Cut(rest, " ")
		t.name, t.optional = strings.CutSuffix(t.name, "?")
		t.typ, t.text = cutType(rest)
	case "return":
		t.typ, rest = cutType(rest)
		t.typ, t.optional = strings.CutSuffix(t.typ, "?")
		t.name, t.text, _ = strings.Cut(rest, " ")
	default:
		f.complain(line, "unknown tag ---@%s; known: meta, class, alias, field, param, return, async", kind)
	}
	return t
}

// cutType takes the type off the front of a text: up to a space that is in no bracket and no quotes, and does not
// follow the colon of what a function returns.
func cutType(text string) (typ, rest string) {
	depth, quoted := 0, false
	for i, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case strings.ContainsRune("<({[", r):
			depth++
		case strings.ContainsRune(">)}]", r):
			depth--
		case r == ' ' && depth == 0 && !strings.HasSuffix(text[:i], ":"):
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}
