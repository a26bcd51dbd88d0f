package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
)

type docsCmd struct {
	Module string `arg:"" optional:"" help:"The module, for example http."`
}

func (c *docsCmd) Help() string {
	return "Examples:\n  borealis-agent docs\n  borealis-agent docs process"
}

// Run prints a module's face: the very file that an editor reads.
func (c *docsCmd) Run() error {
	if c.Module == "" {
		return listModules(os.Stdout, all.List())
	}
	for _, b := range all.List() {
		if b.Name == c.Module {
			fmt.Print(b.Face)
			return nil
		}
	}
	return fmt.Errorf("no module %q: borealis-agent docs lists them", c.Module)
}

func listModules(w io.Writer, list []bindings.Binding) error {
	for _, b := range list {
		grant := "no grant"
		if b.Grant != "" {
			grant = "grant " + b.Grant
		}
		if _, err := fmt.Fprintf(w, "%-12s %-14s %s\n", b.Name, grant, summary(b.Face)); err != nil {
			return err
		}
	}
	return nil
}

// summary is the first line of a face that says something.
func summary(face string) string {
	for line := range strings.Lines(face) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "--- "); ok {
			return text
		}
	}
	return ""
}
