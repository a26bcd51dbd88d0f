package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
	"github.com/bunny-lab-io/borealis-agent/luaroles"
)

type docsCmd struct {
	Module string `arg:"" optional:"" help:"The module, for example http; or borealis, what every role meets; or test."`
}

func (c *docsCmd) Help() string {
	return "Examples:\n  borealis-agent docs\n  borealis-agent docs process"
}

// page is a file of declarations, which is types for an editor and a manual for people.
type page struct{ name, grant, text string }

// Run prints a page: the very file that an editor reads.
func (c *docsCmd) Run() error {
	list, err := pages(all.List())
	if err != nil {
		return err
	}
	if c.Module == "" {
		return listPages(os.Stdout, list)
	}
	for _, p := range list {
		if p.name == c.Module {
			fmt.Print(p.text)
			return nil
		}
	}
	return fmt.Errorf("no module %q: borealis-agent docs lists them", c.Module)
}

// pages are those of the modules, and those of what is no module.
func pages(list []bindings.Binding) (all []page, err error) {
	for _, b := range list {
		grant := "no grant"
		if b.Grant != "" {
			grant = "grant " + b.Grant
		}
		all = append(all, page{b.Name, grant, b.Face})
	}
	for _, p := range []page{{name: "borealis", grant: "every role"}, {name: "test", grant: "every test"}} {
		text, err := luaroles.Files.ReadFile("types/" + p.name + ".lua")
		if err != nil {
			return nil, err
		}
		p.text = string(text)
		all = append(all, p)
	}
	return all, nil
}

func listPages(w io.Writer, all []page) error {
	for _, p := range all {
		if _, err := fmt.Fprintf(w, "%-12s %-14s %s\n", p.name, p.grant, summary(p.text)); err != nil {
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
