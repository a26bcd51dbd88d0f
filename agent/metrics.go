package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
)

type metricsCmd struct{ AtAgent }

func (c *metricsCmd) Help() string {
	return `Prometheus' text format, version 0.0.4. docs/control.md says what each metric is.

Examples:
  borealis-agent metrics
  borealis-agent metrics > /var/lib/prometheus/node-exporter/borealis.prom.new`
}

// Run asks the agents of a tree how they are, and says it in Prometheus' words. Without an agent there is nothing to say,
// so that whoever collects notices.
func (c *metricsCmd) Run() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	var m exposition
	err = c.ask(context.Background(), tree, "status", nil, func(answer json.RawMessage) error {
		var s liveStatus
		err := json.Unmarshal(answer, &s)
		m.agent(s)
		return err
	})
	if err != nil {
		return err
	}
	return m.write(os.Stdout)
}

// metric is a family of samples.
type metric struct {
	name, kind, help string
	samples          []string
}

// exposition collects the samples of several agents by family, as the format wants them.
type exposition struct{ families []*metric }

// add adds a sample; labels are names and values in turn.
func (x *exposition) add(name, kind, help string, value float64, labels ...string) {
	i := slices.IndexFunc(x.families, func(m *metric) bool { return m.name == name })
	if i < 0 {
		i = len(x.families)
		x.families = append(x.families, &metric{name: name, kind: kind, help: help})
	}
	var pairs []string
	for j := 0; j < len(labels); j += 2 {
		pairs = append(pairs, labels[j]+`="`+labelValue(labels[j+1])+`"`)
	}
	sample := fmt.Sprintf("%s{%s} %s", name, strings.Join(pairs, ","), strconv.FormatFloat(value, 'g', -1, 64))
	x.families[i].samples = append(x.families[i].samples, sample)
}

// labelValue escapes what the format wants escaped, and makes the rest UTF-8.
func labelValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
}

func (x *exposition) agent(s liveStatus) {
	gauge := func(name, help string, value float64) { x.add("borealis_"+name, "gauge", help, value, "mode", s.Mode) }
	x.add("borealis_agent_info", "gauge", "The agent, always 1.", 1, "mode", s.Mode, "version", s.Version, "agent_id", s.AgentID)
	gauge("agent_start_time_seconds", "When the agent started, in seconds since 1970.", float64(s.Started))
	gauge("engine_connected", "Whether there is a session with the Engine.", one(s.Connected))
	gauge("engine_enrolled", "Whether the device is enrolled.", one(s.Enrollment == "enrolled"))
	gauge("engine_clock_skew_seconds", "How far the Engine's clock is ahead, in whole minutes.", float64(s.ClockSkew*60))
	if s.TokenExpires != 0 {
		gauge("token_expiry_time_seconds", "When the access token ends, in seconds since 1970.", float64(s.TokenExpires))
	}
	gauge("outbox_results", "Results that wait for the Engine.", float64(s.Outbox))
	x.add("borealis_outbox_dropped_total", "counter", "Passing results that were let go.", float64(s.OutboxDropped), "mode", s.Mode)
	gauge("tunnels_open", "Tunnels that are open.", float64(len(s.Tunnels)))
	for _, r := range s.Roles {
		x.role(s.Mode, r)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Health)) {
		x.health(s.Mode, name, s.Health[name])
	}
}

func (x *exposition) role(mode string, r reload.Status) {
	if codeOf(r.State) == "" {
		return
	}
	labels := []string{"mode", mode, "file", r.File, "role", r.Name}
	x.add("borealis_role_serves", "gauge", "Whether a version of the role serves.", one(r.State == reload.Running), labels...)
	x.add("borealis_role_edit_refused", "gauge", "Whether its latest edit was refused while an older version serves.", one(r.Refusal != nil), labels...)
}

func (x *exposition) health(mode, name string, h roleHealth) {
	labels := []string{"mode", mode, "role", name}
	gauge := func(name, help string, value float64) { x.add("borealis_role_"+name, "gauge", help, value, labels...) }
	counter := func(name, help string, value int64) {
		x.add("borealis_role_"+name, "counter", help, float64(value), labels...)
	}
	gauge("healthy", "Whether the role calls itself healthy.", one(h.Status == "healthy"))
	counter("events_handled_total", "Events that its handlers have handled, since this version serves.", h.Handled)
	counter("events_failed_total", "Events whose handlers failed, since this version serves.", h.Failed)
	counter("events_refused_total", "Events refused because too many waited, since this version serves.", h.Full)
	gauge("events_waiting", "Events that wait.", float64(h.Waiting))
	gauge("events_under_way", "Events that its handlers are at.", float64(h.UnderWay))
	for _, kind := range slices.Sorted(maps.Keys(h.Open)) {
		x.add("borealis_role_handles_open", "gauge", "Things that the role keeps open.", float64(h.Open[kind]), append(labels, "kind", kind)...)
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (x *exposition) write(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, m := range x.families {
		fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for _, sample := range m.samples {
			fmt.Fprintln(out, sample)
		}
	}
	return out.Flush()
}
