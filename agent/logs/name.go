package logs

import (
	"fmt"
	"regexp"
	"strings"
)

// maxName bounds a service's name well below what any file system takes, with room for ".log.2006-01-02".
const maxName = 100

// plainName has no dot: no way up, no hidden file, and no clash with agent.error.log or a rotated file.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9_-]*){0,2}$`)

// deviceName matches the names that Windows gives to devices in every folder. They are refused everywhere, so that
// a role that works on one system works on the other.
var deviceName = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`)

// checkName says why name may not become a file below the log's folder.
func checkName(name string) error {
	if len(name) > maxName || !plainName.MatchString(name) {
		return fmt.Errorf("service name %.100q: want letters, digits, _ and -, with / between at most three parts", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if deviceName.MatchString(part) {
			return fmt.Errorf("service name %q: %q is a device on Windows", name, part)
		}
	}
	return nil
}
