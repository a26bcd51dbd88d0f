// Command testreport reads `go test -json` and says what a person wants to know: a line for each package as go test prints
// it, everything about what failed and nothing about what passed, the tests that were skipped, and the count of all. It
// exits with status 1 if anything failed, if nothing ran, or, with -strict, if a test was skipped that may not be.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	module := flag.String("module", "", "the module's path, left out of the names of packages")
	allowed := flag.String("allowed-skips", "", "the file of tests that may be skipped, with reasons")
	strict := flag.Bool("strict", false, "fail if another test is skipped")
	flag.Parse()
	ok, err := run(os.Stdin, os.Stdout, *module, *allowed, *strict)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, module, allowedFile string, strict bool) (bool, error) {
	allowed := map[string]string{}
	if allowedFile != "" {
		text, err := os.ReadFile(allowedFile)
		if err != nil {
			return false, err
		}
		if allowed, err = parseAllowed(string(text)); err != nil {
			return false, fmt.Errorf("%s: %w", allowedFile, err)
		}
	}
	r := &report{out: out, module: module, allowed: allowed, strict: strict, said: map[string][]string{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.line(line)
		}
		if err == io.EOF {
			return r.close(), nil
		} else if err != nil {
			return false, err
		}
	}
}

// parseAllowed reads "package.Test reason" lines.
func parseAllowed(text string) (map[string]string, error) {
	allowed := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		test, reason, ok := strings.Cut(line, " ")
		if !ok || !strings.Contains(test, ".") {
			return nil, fmt.Errorf("%q: want PACKAGE.TEST REASON", line)
		}
		allowed[test] = strings.TrimSpace(reason)
	}
	return allowed, nil
}

// event is one line of `go test -json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // in build events
	Test       string
	Output     string
}

// parse takes a line that is no event, such as an error of the go command, as something that is said.
func parse(line string) event {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		return event{Action: "build-output", Output: line}
	}
	return e
}
