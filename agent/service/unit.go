package service

import (
	"fmt"
	"strings"
)

// unit is the text of a systemd unit. It takes nothing from the scripts that the service runs: whatever would need a
// mount namespace is left out, since what a script mounts must be there for the machine; so is what would bar a script
// from set-user-id programs, devices or system calls. Memory that runs out ends the script, not the service.
func (s Service) unit() (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	words := make([]string, 0, 1+len(s.Args))
	for _, word := range append([]string{s.Program}, s.Args...) {
		words = append(words, quoted(word))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[Unit]\nDescription=%s\n", escaped(s.Title))
	if !s.User {
		b.WriteString("Wants=network-online.target\nAfter=network-online.target\n")
	}
	fmt.Fprintf(&b, "StartLimitIntervalSec=%d\nStartLimitBurst=%d\n", int(restartsSpan.Seconds()), restartsMost)
	fmt.Fprintf(&b, "\n[Service]\nType=notify\nNotifyAccess=main\nExecStart=%s\nWorkingDirectory=%s\n", strings.Join(words, " "), escaped(s.Dir))
	if !s.User {
		b.WriteString("User=root\n") // sets HOME and the like for scripts
	}
	fmt.Fprintf(&b, "Restart=always\nRestartSec=%d\nTimeoutStartSec=%d\nTimeoutStopSec=%d\nWatchdogSec=%d\n",
		int(restartAfter.Seconds()), int(startWithin.Seconds()), int(stopWithin.Seconds()), int(watchdog.Seconds()))
	b.WriteString("KillMode=mixed\nDelegate=yes\nOOMPolicy=continue\nStandardOutput=journal\nStandardError=journal\n")
	b.WriteString("LimitCORE=0:infinity\nLockPersonality=yes\nKeyringMode=private\n")
	target := "multi-user.target"
	if s.User {
		target = "default.target"
	}
	fmt.Fprintf(&b, "\n[Install]\nWantedBy=%s\n", target)
	return b.String(), nil
}

// escaped keeps systemd from expanding its specifiers.
func escaped(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// quoted is one word of a command line, which systemd would cut at blanks and expand at dollars.
func quoted(word string) string {
	word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", "$$").Replace(escaped(word))
	if word == "" || strings.ContainsAny(word, " ';\"\\") {
		return `"` + word + `"`
	}
	return word
}
