package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/bunny-lab-io/borealis-agent/agent/logs"
	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/service"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

type serviceInstallCmd struct {
	OfService
	Engine         string `placeholder:"URL" env:"BOREALIS_SERVER_URL" help:"The Engine's URL; the one in the tree by default."`
	EnrollmentCode string `placeholder:"CODE" env:"BOREALIS_ENROLLMENT_CODE" help:"The code to enroll with. It goes into the tree's settings, where only the agent reads it."`
	EngineCA       string `name:"engine-ca" placeholder:"FILE" help:"PEM of the roots to trust until the Engine's own bundle is pinned. Copied into the tree."`
	EnginePrint    string `name:"engine-fingerprint" placeholder:"SHA256" env:"BOREALIS_ENGINE_FINGERPRINT" help:"Trust the Engine by the SHA-256 of its certificate, or of the root above it, until its own bundle is pinned."`
	FirstUse       bool   `name:"trust-on-first-use" help:"Trust whoever answers first, once, as stock agents do."`
	ReleaseKey     string `placeholder:"FILE" help:"PEM of the Ed25519 public keys whose releases self-replace takes. Copied into the tree."`
	InPlace        bool   `help:"Run the programs from where they lie instead of copying them. Nobody else may write there either."`
	Programs       string `placeholder:"DIR" help:"Where to put the programs; the system's usual place by default (docs/service.md)."`
}

func (c *serviceInstallCmd) Help() string {
	return `Examples:
  borealis-agent service install --engine https://engine.example.org:5000 --enrollment-code CODE@sha256:FINGERPRINT
  BOREALIS_ENROLLMENT_CODE=CODE borealis-agent service install --engine https://engine.example.org:5000 --engine-ca root.pem
  borealis-agent service install --user

It may be repeated: after a crash, to upgrade, or to change something. What is not named stays as it is.`
}

// engineRoots is the copy of --engine-ca in the tree.
const engineRoots = "engine_ca.pem"

// installation is one run of the command.
type installation struct {
	*serviceInstallCmd
	homeDir  string
	source   string // the folder that the programs come from
	programs string // the folder that they run from
	tree     *settings.Tree
	log      *slog.Logger
	record   record
	changed  bool // something that counts only once the service is started anew
}

// Run installs the service, starts it and sees it work.
func (c *serviceInstallCmd) Run() (err error) {
	if !c.User && !privileged() {
		return errors.New("the machine's service is the administrator's to install; --user installs one for this user alone")
	}
	i := &installation{serviceInstallCmd: c}
	if err := i.places(); err != nil {
		return err
	}
	if err := i.openTree(); err != nil {
		return err
	}
	l, err := logs.Open(logs.Config{Dir: i.tree.Logs(), Echo: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	i.log = l.Service(installLog)
	unlock, err := takeReplacement(i.tree)
	if err != nil {
		return err
	}
	defer unlock()
	i.log.Info("service install", "version", version, "mode", string(c.mode()), "home", i.homeDir, "programs", i.programs)
	if err := i.install(context.Background()); err != nil {
		i.log.Error("service install stopped; repeat it once this is mended", "error", err)
		return err
	}
	return nil
}

func (i *installation) install(ctx context.Context) error {
	if err := i.refuseStranger(ctx); err != nil {
		return err
	}
	for _, step := range []func() error{i.remember, i.putPrograms, i.configure} {
		if err := step(); err != nil {
			return err
		}
	}
	s := i.definition()
	changed, err := s.Install(ctx)
	if err != nil {
		return err
	}
	i.changed = i.changed || changed
	begin := service.Service.Start
	if i.changed {
		begin = service.Service.Restart
	}
	if err := begin(s, ctx); err != nil {
		return err
	}
	said, err := i.prove(ctx, i.tree)
	if err == nil {
		i.log.Info("the service works", "changed", i.changed, "process", said.PID, "version", said.Version, "enrollment", said.Enrollment)
	}
	return err
}

// places finds where everything is to be, and makes the folders before anything is put in them.
func (i *installation) places() (err error) {
	if i.homeDir, err = i.home(); err != nil {
		return err
	}
	worker, err := workerPath()
	if err != nil {
		return err
	}
	i.source, i.programs = filepath.Dir(worker), i.Programs
	switch {
	case i.InPlace && i.Programs != "":
		return errors.New("--in-place and --programs exclude each other")
	case i.InPlace:
		i.programs = i.source
	case i.programs == "":
		if i.programs, err = programFolder(i.User); err != nil {
			return err
		}
	}
	if i.programs, err = resolved(i.programs); err != nil {
		return err
	}
	if err := i.guard(); err != nil { // before anything is made
		return err
	}
	if err := errors.Join(service.MakeFolder(i.programs), service.MakeDataFolder(i.homeDir)); err != nil {
		return err
	}
	return i.guard()
}

// guard refuses places in which others could put, change or replace something.
func (i *installation) guard() error {
	agent := filepath.Join(i.homeDir, "Agent")
	folders := []string{
		i.programs, i.homeDir, agent, filepath.Join(agent, "Borealis"), filepath.Join(agent, "Borealis", "Settings"), filepath.Join(agent, "Logs"),
	}
	for _, dir := range folders {
		if err := guardFolder(dir); err != nil {
			return err
		}
	}
	if !i.InPlace {
		return nil
	}
	for _, name := range programNames(ending()) {
		path := filepath.Join(i.programs, name)
		if err := reload.GuardedFile(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// guardFolder judges a folder, or the one that it will be made in.
func guardFolder(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
		return guardFolder(filepath.Dir(dir))
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s: not a folder", dir)
	}
	return errors.Join(openToOthers(dir, info), reload.GuardedFolder(dir))
}

// openTree makes the tree's own folders.
func (i *installation) openTree() (err error) {
	i.tree, err = settings.Open(i.homeDir)
	return err
}

// refuseStranger refuses a tree that an agent serves which is not the service's.
func (i *installation) refuseStranger(ctx context.Context) error {
	state, err := i.service().State(ctx)
	if err != nil {
		return err
	}
	if !state.Installed && i.tree.Present(string(i.mode())) {
		return fmt.Errorf("an agent in mode %s runs on the tree %q already, and not as a service: end it first", i.mode(), i.homeDir)
	}
	return nil
}

// remember writes down what an end of this installation is to take away, before any of it is there.
func (i *installation) remember() error {
	before, err := readRecord(i.tree, i.mode())
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return err
	}
	if !absent && before.Programs != i.programs {
		i.log.Warn("the programs move; the old ones stay where they are", "from", before.Programs)
	}
	r := record{Programs: i.programs, InPlace: i.InPlace, SealKey: before.SealKey, Trust: i.trust()}
	if len(r.Trust) == 0 {
		r.Trust = before.Trust
	}
	if absent {
		if r.SealKey, err = newSealKey(); err != nil {
			return err
		}
	}
	i.record = r
	return r.write(i.tree, i.mode())
}

// trust is the agent's flags for whom to trust at first, as far as they were given.
func (i *installation) trust() (flags []string) {
	if i.EngineCA != "" {
		flags = append(flags, "--engine-ca", filepath.Join(i.tree.Settings(), engineRoots))
	}
	if i.EnginePrint != "" {
		flags = append(flags, "--engine-fingerprint", i.EnginePrint)
	}
	if i.FirstUse {
		flags = append(flags, "--trust-on-first-use")
	}
	return flags
}

// putPrograms copies the programs, the worker first: an agent finds its own worker or a newer one.
func (i *installation) putPrograms() error {
	if i.programs == i.source {
		return nil
	}
	if err := sweepPrograms(i.programs); err != nil {
		return err
	}
	names := programNames(ending())
	for _, name := range [...]string{names[1], names[0]} {
		data, err := os.ReadFile(filepath.Join(i.source, name))
		if err != nil {
			return err
		}
		changed, err := service.PutFile(filepath.Join(i.programs, name), data, 0o755)
		if err != nil {
			return err
		}
		if changed {
			i.log.Info("program is in place", "file", filepath.Join(i.programs, name), "bytes", len(data))
		}
		i.changed = i.changed || changed
	}
	return endReplacement(i.programs) // what the operator installs needs no trial
}

// configure puts what the agent has to know into the tree.
func (i *installation) configure() error {
	if i.Engine != "" {
		before, _ := i.tree.ServerURL() // none, or one that is being replaced
		if err := i.tree.SetServerURL(i.Engine); err != nil {
			return err
		}
		after, err := i.tree.ServerURL()
		i.changed = i.changed || err == nil && before != after
	}
	if _, err := i.tree.ServerURL(); err != nil {
		return fmt.Errorf("%w; or give --engine", err)
	}
	if i.EngineCA != "" {
		pem, err := os.ReadFile(i.EngineCA)
		if err != nil {
			return err
		}
		if err := i.tree.Files().Write(engineRoots, pem); err != nil {
			return err
		}
	}
	if i.ReleaseKey != "" {
		keys, err := os.ReadFile(i.ReleaseKey)
		if err != nil {
			return err
		}
		if _, err := parseReleaseKeys(keys); err != nil {
			return err
		}
		if err := i.tree.Files().Write(releaseKeysFile, keys); err != nil {
			return err
		}
	}
	if i.EnrollmentCode == "" {
		return nil
	}
	i.changed = true
	return i.tree.UpdateDocument(string(i.mode()), func(d settings.Document) error { return d.Set("enrollment_code", i.EnrollmentCode) })
}

// definition is the service with what it runs. No secret is in it: everybody may read it.
func (i *installation) definition() service.Service {
	s := i.service()
	s.Program, s.Dir = filepath.Join(i.programs, programNames(ending())[0]), i.homeDir
	s.Args = []string{"service", "run", "--home", i.homeDir}
	if !i.User {
		s.Args = append(s.Args, "--system-service")
	}
	s.Args = append(s.Args, i.record.Trust...)
	return s
}
