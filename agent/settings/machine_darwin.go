package settings

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// machineID is the hardware UUID, which the system's ioreg prints as "IOPlatformUUID" = "...".
func machineID() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice").Output()
	if err != nil {
		return "", fmt.Errorf("machine id: ioreg: %w", err)
	}
	_, rest, found := strings.Cut(string(out), `"IOPlatformUUID" = "`)
	id, _, ended := strings.Cut(rest, `"`)
	if !found || !ended || id == "" {
		return "", errors.New("machine id: ioreg names none")
	}
	return id, nil
}
