package settings

import (
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// machineID is the id that setup gave the installation.
func machineID() (string, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Cryptography`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return "", fmt.Errorf("machine id: %w", err)
	}
	defer key.Close()
	id, _, err := key.GetStringValue("MachineGuid")
	if err != nil {
		return "", fmt.Errorf("machine id: %w", err)
	}
	return id, nil
}
