package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

type roleWatchCmd struct {
	JSON bool   `name:"json" help:"Print a line of JSON for each answer."`
	Once bool   `help:"Answer once for every role, and end; the exit status is 1 when one is not well."`
	Dir  string `arg:"" optional:"" default:"." help:"The folder of the roles."`
}

func (c *roleWatchCmd) Help() string {
	return `Examples:
  borealis-agent role watch
  borealis-agent role watch --json /opt/borealis/Roles

Answers at first for every role_*.lua of the folder, and then for each that is saved, or whose tests or helpers are: does
the agent take it, which grants came and went, do its tests pass, and if not, what is wrong where. Neither an agent nor an
Engine is needed, and nothing of the machine is touched. What a folder holds that an agent serves, the agent loads by itself.`
}

// calm is how long a folder must have been quiet: editors write a file in several steps.
const calm = 15 * time.Millisecond

// glance is how often the folder is looked at when nothing is heard of it: not every file system tells.
const glance = time.Second

// Run answers until it is interrupted.
func (c *roleWatchCmd) Run() error {
	return withWorkers(c.watch)
}

func (c *roleWatchCmd) watch(ctx context.Context, nursery *role.Nursery) error {
	e := &examiner{dir: c.Dir, nursery: nursery, known: map[string]known{}}
	bad, err := c.answer(ctx, e)
	switch {
	case err != nil:
		return err
	case !c.Once:
		return c.follow(ctx, e)
	case len(e.known) == 0:
		return fmt.Errorf("no file role_*.lua in %q", c.Dir)
	case bad > 0:
		return fmt.Errorf("%d of %d roles are not well", bad, len(e.known))
	}
	return nil
}

// answer tells of every role that has changed, and counts those that are not well.
func (c *roleWatchCmd) answer(ctx context.Context, e *examiner) (bad int, err error) {
	answers, err := e.look(ctx)
	for _, a := range answers {
		if !a.OK && !a.Gone {
			bad++
		}
		if ctx.Err() != nil { // interrupted in the middle: what was found then means nothing
			return 0, nil
		}
		if err := c.print(os.Stdout, a); err != nil {
			return bad, err
		}
	}
	return bad, err
}

func (c *roleWatchCmd) print(w io.Writer, a answer) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(a)
	}
	_, err := io.WriteString(w, a.String())
	return err
}

// follow answers each time the folder has changed and is quiet again.
func (c *roleWatchCmd) follow(ctx context.Context, e *examiner) error {
	hints, stop := listen(c.Dir)
	defer stop()
	if !c.JSON {
		fmt.Fprintf(os.Stderr, "watching %s; end with ctrl-c\n", printable(c.Dir))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hints:
			quiet(hints)
		case <-time.After(glance):
		}
		if _, err := c.answer(ctx, e); err != nil {
			return err
		}
	}
}

// quiet waits until nothing was heard for a while, or much was for a second.
func quiet(hints <-chan struct{}) {
	end := time.After(time.Second)
	for {
		select {
		case <-hints:
		case <-time.After(calm):
			return
		case <-end:
			return
		}
	}
}

// listen hears of changes in the folder and in lib, until stop. Without notifications there are glances.
func listen(dir string) (hints <-chan struct{}, stop func()) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, func() {}
	}
	heard := make(chan struct{}, 1)
	attend(w, dir)
	var hearing sync.WaitGroup
	hearing.Go(func() {
		for hear(w, dir) {
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	})
	return heard, func() { w.Close(); hearing.Wait() }
}

// hear waits for a notification; false when there will be none. An overflow is one too.
func hear(w *fsnotify.Watcher, dir string) (more bool) {
	select {
	case ev, ok := <-w.Events:
		if ev.Has(fsnotify.Create) || ev.Has(fsnotify.Rename) {
			attend(w, dir) // lib may have come
		}
		return ok
	case _, ok := <-w.Errors:
		return ok
	}
}

// attend adds the folders that are there by now.
func attend(w *fsnotify.Watcher, dir string) {
	_ = w.Add(dir)
	_ = filepath.WalkDir(filepath.Join(dir, "lib"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return w.Add(path)
		}
		return nil
	})
}

// isRole reports whether an agent takes a file of this name for a role.
func isRole(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "role_") && filepath.Ext(name) == ".lua" && !strings.HasSuffix(name, testSuffix)
}
