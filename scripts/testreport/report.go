package main

import (
	"fmt"
	"io"
	"strings"
)

// report gathers what the tests say until it is known whether anybody wants to hear it.
type report struct {
	out     io.Writer
	module  string
	allowed map[string]string
	strict  bool

	said                    map[string][]string // by test, and by package for what no test said
	passed, failed, skipped int
	forbidden               int  // tests that were skipped and may not be
	broken                  bool // a package failed: to build, or outside of its tests
}

func (r *report) line(line string) {
	e := parse(line)
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.broken = true
	case "output":
		r.output(e)
	case "pass", "fail", "skip":
		r.end(e)
	}
}

// key is under what a test's words are kept: those of a subtest with its parent, which fails with it.
func key(e event) string {
	test, _, _ := strings.Cut(e.Test, "/")
	return e.Package + "." + test
}

func (r *report) output(e event) {
	if e.Test == "" && isResult(e.Output) {
		fmt.Fprint(r.out, e.Output)
		return
	}
	if strings.HasPrefix(e.Output, "=== ") {
		return // go test's own progress, which the lines of results repeat
	}
	r.said[key(e)] = append(r.said[key(e)], e.Output)
}

// isResult reports whether a line is go test's own on a whole package.
func isResult(line string) bool {
	return strings.HasPrefix(line, "ok  ") || strings.HasPrefix(line, "FAIL\t") || strings.HasPrefix(line, "?   ")
}

func (r *report) end(e event) {
	if e.Test == "" {
		r.endPackage(e)
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
	case "skip":
		r.skip(e)
	}
	if strings.Contains(e.Test, "/") {
		return
	}
	if e.Action == "fail" {
		fmt.Fprint(r.out, strings.Join(r.said[key(e)], ""))
	}
	delete(r.said, key(e))
}

// endPackage prints the words of a failed package that belong to no test, or to one that never ended: panics, races,
// timeouts.
func (r *report) endPackage(e event) {
	for k, said := range r.said {
		if !strings.HasPrefix(k, e.Package+".") {
			continue
		}
		if e.Action == "fail" {
			fmt.Fprint(r.out, strings.Join(said, ""))
		}
		delete(r.said, k)
	}
	if e.Action == "fail" {
		r.broken = true
	}
}

func (r *report) skip(e event) {
	r.skipped++
	test, sub, _ := strings.Cut(e.Test, "/")
	top := strings.TrimPrefix(strings.TrimPrefix(e.Package, r.module), "/") + "." + test
	name := strings.TrimSuffix(top+"/"+sub, "/")
	if reason, ok := r.allowed[top]; ok {
		fmt.Fprintf(r.out, "skipped: %s (allowed: %s)\n", name, reason)
		return
	}
	r.forbidden++
	fmt.Fprintf(r.out, "skipped: %s: %s\n", name, r.reason(e))
}

// reason is what a skipped test said.
func (r *report) reason(e event) string {
	var why []string
	for _, s := range r.said[key(e)] {
		if s = strings.TrimSpace(s); s != "" && !strings.HasPrefix(s, "---") {
			why = append(why, s)
		}
	}
	return strings.Join(why, "; ")
}

// close says the sum in the form that CI reads, and whether all is well.
func (r *report) close() bool {
	if r.broken && r.failed == 0 {
		r.failed = 1 // a package that did not build, or broke outside of its tests
	}
	if r.strict && r.forbidden > 0 {
		fmt.Fprintf(r.out, "not allowed to be skipped: %d (see scripts/allowed-skips.txt)\n", r.forbidden)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return r.failed == 0 && r.passed > 0 && !(r.strict && r.forbidden > 0)
}
