package main_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// block is one fenced block of shell commands in a document, or the commands in one line of its prose.
type block struct {
	file string
	line int
	run  bool // its commands are run, not only looked up
	text string
}

// Inline code counts as a command when it begins with one of these words.
var programs = map[string]string{
	"borealis-agent": "./agent", "borealis-engine": "./examples/engine",
	"bin/borealis-agent": "./agent", "bin/borealis-engine": "./examples/engine",
}

var inline = regexp.MustCompile("`((?:make|(?:bin/)?borealis-(?:agent|engine)) [^`]+)`")

// blocks reads a document. ```sh run is run; ```sh is looked up, and so are commands in the prose.
func blocks(file, text string) (all []block) {
	var open *block
	skipping := false
	for i, line := range strings.Split(text, "\n") {
		info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open != nil:
			all, open = append(all, *open), nil
		case fence && skipping:
			skipping = false
		case fence && (info == "sh" || info == "sh run"):
			open = &block{file: file, line: i + 1, run: info == "sh run"}
		case fence:
			skipping = true
		case open != nil:
			open.text += line + "\n"
		case !skipping:
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				all = append(all, block{file: file, line: i + 1, text: m[1]})
			}
		}
	}
	return all
}

// commands splits a block into the words of its commands: lines joined at a backslash, comments and variables in front
// left out, and each part of a pipe or list for itself.
func commands(text string) (all [][]string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(" "+line, " #")
		for _, part := range regexp.MustCompile(`&&|\|\||[|;&]`).Split(line, -1) {
			words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(part), "$ "))
			for len(words) > 0 && (words[0] == "sudo" || regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0])) {
				words = words[1:]
			}
			if len(words) > 0 {
				all = append(all, words)
			}
		}
	}
	return all
}

// lookup is what a command is looked up in.
type lookup struct {
	targets []string
	help    func(program string, subcommand ...string) (string, error)
}

// problem says what a command names that does not exist; other programs than ours are nobody's business here.
func (l lookup) problem(words []string) string {
	if words[0] == "make" {
		return l.makeProblem(words[1:])
	}
	if programs[words[0]] == "" {
		return ""
	}
	program, path, last := words[0], []string{}, ""
	help, err := l.help(program)
	for _, w := range words[1:] {
		switch {
		case err != nil:
			return strings.Join(append([]string{program}, path...), " ") + " has no help: " + err.Error()
		case strings.HasPrefix(w, "-"):
			last = strings.Trim(strings.SplitN(w, "=", 2)[0], "[]")
			if !hasWord(help, last) {
				return strings.Join(append([]string{program}, path...), " ") + " has no flag " + last
			}
		case last == "" && isSubcommand(help, path, w):
			path = append(path, w)
			help, err = l.help(program, path...)
		case last == "" && len(path) == 0:
			return program + " has no subcommand " + w
		}
	}
	return ""
}

func (l lookup) makeProblem(words []string) string {
	for _, w := range words {
		w = strings.TrimRight(w, `"',.`)
		if strings.ContainsAny(w, `=-"`) { // a variable, perhaps of several words, or make's own flag
			return ""
		}
		if !slices.Contains(l.targets, w) {
			return "the Makefile has no target " + w
		}
	}
	return ""
}

func hasWord(help, word string) bool {
	return regexp.MustCompile(`(^|[\s,\[(|])` + regexp.QuoteMeta(word) + `($|[\s,=\])|])`).MatchString(help)
}

// isSubcommand reports whether a line of the help begins with word, as lists of subcommands do, or with the path to it.
func isSubcommand(help string, path []string, word string) bool {
	whole := regexp.QuoteMeta(strings.Join(append(slices.Clone(path), word), " "))
	return regexp.MustCompile(`(?m)^\s+(` + regexp.QuoteMeta(word) + `|` + whole + `)\b`).MatchString(help)
}

// documents are the README and everything in docs/.
func documents(t *testing.T) []block {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	for _, name := range append(files, "../README.md") {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			t.Skipf("%s is not written yet", name)
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, blocks(strings.TrimPrefix(name, "../"), string(text))...)
	}
	return all
}

// helpOf builds our programs when they are first asked and keeps what they say.
func helpOf(t *testing.T) func(program string, subcommand ...string) (string, error) {
	dir := t.TempDir()
	build := map[string]func() (string, error){}
	for _, pkg := range programs {
		build[pkg] = sync.OnceValues(func() (string, error) {
			exe := filepath.Join(dir, filepath.Base(pkg)+".exe")
			cmd := exec.Command("go", "build", "-buildvcs=false", "-o", exe, pkg)
			cmd.Dir = ".."
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = errors.New(string(out))
			}
			return exe, err
		})
	}
	return func(program string, subcommand ...string) (string, error) {
		exe, err := build[programs[program]]()
		if err != nil {
			return "", err
		}
		out, err := exec.Command(exe, append(subcommand, "--help")...).CombinedOutput()
		return string(out), err
	}
}

func makeTargets(t *testing.T) (targets []string) {
	t.Helper()
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):`).FindAllStringSubmatch(string(text), -1) {
		targets = append(targets, m[1])
	}
	return targets
}

func TestCommandsInDocumentsExist(t *testing.T) {
	l := lookup{targets: makeTargets(t), help: helpOf(t)}
	for _, b := range documents(t) {
		for _, words := range commands(b.text) {
			if p := l.problem(words); p != "" {
				t.Errorf("%s:%d: %q: %s", b.file, b.line, strings.Join(words, " "), p)
			}
		}
	}
}

// The reader and the rules are tried on a document of their own.
func TestWrongCommandsAreFound(t *testing.T) {
	const text = "# x\nSay `make tset` or `make demo ARGS=\"--once\"`.\n\n```sh\nmake build lint # fine\n" +
		"sudo FOO=1 borealis-agent run \\\n  --home DIR --hoem DIR\nborealis-agent rnu; ls --anything\n```\n\n" +
		"```\nmake nothing\n```\n```sh run\ntrue\n```\n`borealis-agent role test FILE` `borealis-agent run --system-service [--home DIR]`\n"
	all := blocks("x.md", text)
	if n := len(all); n != 6 || !all[3].run || all[0].line != 2 || all[2].line != 4 {
		t.Fatalf("%d blocks: %+v", n, all)
	}
	l := lookup{
		targets: []string{"build", "lint", "demo"},
		help: func(_ string, sub ...string) (string, error) {
			return map[string]string{
				"":     "Commands:\n  run      Run the agent.\n  role     Roles.\n",
				"run":  "Flags:\n  -h, --help\n      --home=DIR    The tree.\n      --system-service\n",
				"role": "  role test FILE\n", "role test": "Usage: borealis-agent role test <file>\n",
			}[strings.Join(sub, " ")], nil
		},
	}
	var got []string
	for _, b := range all {
		for _, words := range commands(b.text) {
			if p := l.problem(words); p != "" {
				got = append(got, p)
			}
		}
	}
	want := []string{"the Makefile has no target tset", "borealis-agent run has no flag --hoem", "borealis-agent has no subcommand rnu"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
