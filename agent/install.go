package main

import "github.com/bunny-lab-io/borealis-agent/luaroles"

// installLog is the log of what has been put on this machine, and when.
const installLog = "install"

// install notes when another version of the agent begins to serve the tree, and puts the shipped roles into the
// watched directory where there is none.
func (a *agent) install(roles string) error {
	log := a.logs.Service(installLog)
	if last, _, err := lastStatus(a.tree); err != nil || last.Version != version {
		log.Info("the agent serves this tree", "version", version, "before", last.Version)
	}
	seeded, err := seed(roles, luaroles.Files)
	if seeded {
		log.Info("the shipped roles are in place", "directory", roles)
	}
	return err
}
