package system

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// table is nil: Apple's machines have none that programs can read.
func (m machine) table() []structure { return nil }

// identity knows the model only: the serial number is behind an interface that needs cgo.
func (m machine) identity(context.Context) (hardware, error) {
	model, err := unix.Sysctl("hw.model")
	if err != nil {
		return hardware{}, fmt.Errorf("hardware: %w", err)
	}
	return hardware{Manufacturer: "Apple", Model: model}, nil
}

func (m machine) container() string { return "" }

func (m machine) hypervisor() string {
	if guest, err := unix.SysctlUint32("kern.hv_vmm_present"); err == nil && guest == 1 {
		return "other"
	}
	return ""
}
