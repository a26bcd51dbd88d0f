package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// started names the programs that a process has started and that live.
func started(pid int) (programs []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended since
		}
		name, rest, _ := strings.Cut(string(text[strings.IndexByte(string(text), '(')+1:]), ") ")
		var state string
		var parent int
		if fmt.Sscan(rest, &state, &parent); parent == pid && state != "Z" {
			programs = append(programs, name)
		}
	}
	return programs
}
