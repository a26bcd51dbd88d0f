package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// jobCmd groups what concerns the script jobs of a running agent.
type jobCmd struct {
	List   jobListCmd   `cmd:"" help:"List the jobs that run and those that wait."`
	Cancel jobCancelCmd `cmd:"" help:"End a job with all that it started, and answer the Engine with what it wrote until then."`
}

type jobListCmd struct {
	AtAgent
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *jobListCmd) Help() string {
	return `Examples:
  borealis-agent job list --home /opt/borealis
  borealis-agent job list --json`
}

// Run lists the jobs of the agents of a tree.
func (c *jobListCmd) Run() error {
	jobs, err := listOf[jobSeen](c.AtAgent, "job_list")
	switch {
	case err != nil:
		return err
	case c.JSON:
		return writeJSON(os.Stdout, jobs)
	case len(jobs) == 0:
		fmt.Println("no job runs, and none waits")
		return nil
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JOB\tSTATE\tSINCE\tTYPE\tROLE\tSCRIPT")
	for _, j := range jobs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(j.ID), printable(j.State), since(j.Since, time.Now()),
			printable(j.Type), printable(j.Role), printable(j.Name))
	}
	return table.Flush()
}

type jobCancelCmd struct {
	AtAgent
	ID string `arg:"" help:"The job's number, as job list shows it."`
}

func (c *jobCancelCmd) Help() string {
	return `Examples:
  borealis-agent job cancel 4711 --home /opt/borealis

The Engine gets a failed result that says so. Jobs that came to an end meanwhile are not touched.`
}

// errNoSuchJob says that there is nothing to cancel.
var errNoSuchJob = errors.New("no such job runs or waits")

// Run has a job ended, and returns when it has.
func (c *jobCancelCmd) Run() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	jobs := 0
	err = c.ask(context.Background(), tree, "job_cancel", chosen{c.ID}, func(answer json.RawMessage) error {
		var some cancelled
		err := json.Unmarshal(answer, &some)
		jobs += some.Jobs
		return err
	})
	if err == nil && jobs == 0 {
		err = fmt.Errorf("job %q: %w; see borealis-agent job list", c.ID, errNoSuchJob)
	}
	if err == nil {
		fmt.Printf("job %s is ended and answered\n", printable(c.ID))
	}
	return err
}
