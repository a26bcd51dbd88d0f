package settings

import (
	"errors"
	"fmt"
)

// machineID is systemd's machine id, or D-Bus's. A machine without either, as containers are, has "".
func machineID() (string, error) {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		id, err := readText(path)
		if err != nil {
			return "", fmt.Errorf("machine id: %w", err)
		}
		if id == "uninitialized" {
			return "", errors.New("machine id: not made yet; start the agent once the machine has booted")
		}
		if id != "" {
			return id, nil
		}
	}
	return "", nil
}
