package main

import (
	"context"
	"encoding/json"
	"fmt"
)

type logLevelCmd struct {
	AtAgent
	JSON  bool   `name:"json" help:"Print JSON."`
	Level string `arg:"" optional:"" enum:"debug,info,warn,error," default:"" help:"debug, info, warn or error; what it is now when left out."`
}

func (c *logLevelCmd) Help() string {
	return `Examples:
  borealis-agent log-level debug --home /opt/borealis
  borealis-agent log-level

The level holds until the agent ends; then --verbose decides again.`
}

// Run tells a running agent how much to log.
func (c *logLevelCmd) Run() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	return c.ask(context.Background(), tree, "log_level", level{c.Level}, func(answer json.RawMessage) error {
		if c.JSON {
			_, err := fmt.Printf("%s\n", answer)
			return err
		}
		var now level
		if err := json.Unmarshal(answer, &now); err != nil {
			return err
		}
		_, err := fmt.Println(printable(now.Level))
		return err
	})
}
