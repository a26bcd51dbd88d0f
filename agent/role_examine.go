package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// examiner remembers what it has answered for the roles of a folder.
type examiner struct {
	dir     string
	nursery *role.Nursery
	known   map[string]known // by file
}

// known is what was answered last for a role.
type known struct {
	sum    [sha256.Size]byte
	grants []string // of the last version that passed the check
}

// look answers for every role that is new, changed or gone.
func (e *examiner) look(ctx context.Context) (answers []answer, err error) {
	entries, err := os.ReadDir(e.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil && len(e.known) == 0 { // a folder that goes for a moment is an editor's or git's doing
		return nil, err
	}
	gone := maps.Clone(e.known)
	for _, entry := range entries {
		if !isRole(entry.Name()) || entry.IsDir() {
			continue
		}
		file := filepath.Join(e.dir, entry.Name())
		delete(gone, file)
		if a, changed := e.examine(ctx, file); changed {
			answers = append(answers, a)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(gone)) {
		delete(e.known, file)
		answers = append(answers, answer{At: time.Now(), File: file, Gone: true})
	}
	return answers, nil
}

// examine answers for one role, unless the answer would be the last one.
func (e *examiner) examine(ctx context.Context, file string) (a answer, changed bool) {
	for range 5 { // then it is told as it is: somebody writes all the time
		s, err := readSuite(file)
		before, sum := e.known[file], sumOf(s, err)
		if sum == before.sum {
			return a, false
		}
		a = e.answer(ctx, file, s, err)
		if a.OK || sum == sumOf(readSuite(file)) { // what is wrong with a half-written file is nobody's concern
			e.known[file] = known{sum, before.grants}
			if a.Name != "" {
				e.known[file] = known{sum, a.Grants}
			}
			return a, true
		}
	}
	return a, true
}

// answer checks a role and runs its tests, at the same time.
func (e *examiner) answer(ctx context.Context, file string, s role.Suite, err error) answer {
	a := answer{At: time.Now(), File: file}
	var problems []string
	tried := make(chan struct{})
	go func() {
		defer close(tried)
		if err == nil {
			a.Tests, problems = try(ctx, e.nursery, s)
		}
	}()
	c := check(ctx, e.nursery, file)
	<-tried
	if c.OK {
		a.Name, a.Version, a.Events, a.Grants = c.Name, c.Version, c.Events, c.Grants
		before := e.known[file].grants
		a.Added, a.Dropped = without(c.Grants, before), without(before, c.Grants)
	} else {
		problems = c.Problems // the tests can say no more of a role that does not load
	}
	if err != nil && !errors.Is(err, errNoTests) {
		problems = append(problems, err.Error())
	}
	a.Problems = sources(s).flaws(problems)
	a.OK, a.Millis = len(a.Problems) == 0 && a.failed() == 0, millis(time.Since(a.At))
	return a
}

// sumOf tells whether anything that a role's answer depends on has changed.
func sumOf(s role.Suite, err error) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, part := range slices.Concat([][]byte{s.Role.Text, s.Tests.Text}, libTexts(s)) {
		one := sha256.Sum256(part)
		h.Write(one[:])
	}
	if err != nil {
		h.Write([]byte(err.Error()))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func libTexts(s role.Suite) (texts [][]byte) {
	for _, lib := range s.Libs {
		texts = append(texts, []byte(lib.File), lib.Text)
	}
	return texts
}
