package system

import (
	"context"
	"errors"

	"golang.org/x/sys/windows/registry"
)

// processors reads what Windows noted of the first one at its start, else what the firmware calls it, and how many
// sockets the firmware calls filled.
func (m machine) processors(context.Context) (name string, sockets int, mhz float64, err error) {
	name, sockets = socketsOf(m.table())
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `HARDWARE\DESCRIPTION\System\CentralProcessor\0`, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return name, sockets, 0, nil
	}
	if err != nil {
		return "", 0, 0, err
	}
	defer key.Close()
	if noted, _, err := key.GetStringValue("ProcessorNameString"); err == nil {
		name = noted
	}
	if clock, _, err := key.GetIntegerValue("~MHz"); err == nil {
		mhz = float64(clock)
	}
	return name, sockets, mhz, nil
}
