package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/shirou/gopsutil/v4/disk"
)

// Free space below which results may not fit, and below which little else works either.
const (
	lowSpace = 500 << 20
	noSpace  = 50 << 20
)

func (x *exam) disk(ctx context.Context) finding {
	use, err := disk.UsageWithContext(ctx, x.settingsDir())
	if err != nil {
		return failure(err, "")
	}
	seen := fmt.Sprintf("%d MiB free", use.Free>>20)
	switch {
	case use.Free < noSpace:
		return wrong(seen, "make room: results are kept on disk until the Engine has them")
	case use.Free < lowSpace:
		return warn(seen, "make room")
	}
	return fine("%s", seen)
}

// trial is the least that a role can be.
const trial = `ROLE_NAME = "doctor"
ROLE_CONTEXTS = { "system" }
local Role = {}
return Role
`

// worker starts one, with a role that does nothing, to see what of its lockdown this machine gives.
func (x *exam) worker(ctx context.Context) finding {
	path, err := workerPath()
	if err != nil {
		return failure(err, "install the agent whole")
	}
	nursery := role.NewNursery(path)
	defer nursery.Close()
	r, err := load(ctx, nursery, role.Source{File: "role_doctor.lua", Text: []byte(trial)}, "system")
	if err != nil {
		return failure(err, "see that nothing on this machine forbids the agent to start its worker program")
	}
	r.Kill(role.ErrEnded)
	if missing := r.Manifest().Missing; len(missing) > 0 {
		return warn("starts, not locked down: "+strings.Join(missing, ", "), "a newer kernel gives it; docs/platforms.md says what is missing where")
	}
	return fine("starts and is locked down")
}

// roles looks at who may change what the agent would run.
func (x *exam) roles(context.Context) finding {
	dir, err := filepath.EvalSymlinks(x.rolesDir())
	if errors.Is(err, fs.ErrNotExist) {
		return warn(x.rolesDir()+" is not there", "the agent makes it with the shipped roles at its start")
	}
	var files []string
	if err == nil {
		files, err = filepath.Glob(filepath.Join(dir, "role_*.lua"))
	}
	if err != nil {
		return failure(err, "")
	}
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.lua") }) // never run
	paths := slices.Clone(files)
	for at := dir; ; at = filepath.Dir(at) { // who may rename a folder may replace what lies in it
		paths = append(paths, at)
		if at == filepath.Dir(at) {
			break
		}
	}
	owned := reload.Owned()
	for _, path := range paths {
		info, err := os.Stat(path)
		if err == nil {
			err = owned(info)
		}
		if err != nil {
			return wrong(fmt.Sprintf("%s: %v", path, err), "the agent refuses these roles until then")
		}
	}
	return fine("%d in %s", len(files), dir)
}

func (x *exam) rolesDir() string {
	if x.cmd.Roles != "" {
		return x.cmd.Roles
	}
	return filepath.Join(x.root, "Roles")
}
