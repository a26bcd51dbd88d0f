package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

type versionCmd struct {
	JSON    bool `name:"json" help:"Print one JSON object."`
	Modules bool `help:"List the modules that it was built from, too."`
}

// built is what a binary says of itself.
type built struct {
	Version string            `json:"version"`
	Commit  string            `json:"commit"`
	Go      string            `json:"go"`
	OS      string            `json:"os"`
	Arch    string            `json:"arch"`
	Modules map[string]string `json:"modules,omitempty"`
}

// Run prints what this binary is.
func (c *versionCmd) Run() error {
	b := built{Version: version, Commit: commit, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, known := debug.ReadBuildInfo()
	if c.JSON {
		if c.Modules && known {
			b.Modules = map[string]string{}
			for _, m := range info.Deps {
				b.Modules[m.Path] = m.Version
			}
		}
		return writeJSON(os.Stdout, b)
	}
	fmt.Printf("borealis-agent %s (commit %s, %s, %s/%s)\n", b.Version, b.Commit, b.Go, b.OS, b.Arch)
	if c.Modules && known {
		for _, m := range info.Deps {
			fmt.Println(m.Path, m.Version)
		}
	}
	return nil
}
