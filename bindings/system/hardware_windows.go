package system

import (
	"context"
	"unsafe"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"golang.org/x/sys/windows"
)

// rawSMBIOS is the provider of the firmware's table: 'RSMB'.
const rawSMBIOS = 0x52534d42

// rawHeader is what stands before the table: versions and its length.
const rawHeader = 8

// table is the firmware's table, nil where Windows has none.
func (m machine) table() []structure {
	get := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemFirmwareTable")
	size, _, _ := get.Call(rawSMBIOS, 0, 0, 0)
	if size <= rawHeader || size > maxFile {
		return nil
	}
	buffer := make([]byte, size)
	got, _, _ := get.Call(rawSMBIOS, 0, uintptr(unsafe.Pointer(&buffer[0])), size)
	if got <= rawHeader || got > size {
		return nil
	}
	return parseSMBIOS(buffer[rawHeader:got])
}

func (m machine) identity(context.Context) (hardware, error) {
	table := m.table()
	if table == nil {
		return hardware{}, bindings.Fail("unsupported", "the firmware's table cannot be read")
	}
	return identify(table), nil
}

func (m machine) container() string { return "" }

// hypervisor is told by the firmware alone: Windows on bare metal may itself run on its own hypervisor.
func (m machine) hypervisor() string { return "" }
