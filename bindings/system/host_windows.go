package system

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// domain is that of the directory which the machine has joined, else its work group.
func (m machine) domain(string) string {
	size := uint32(256)
	buffer := make([]uint16, size)
	err := windows.GetComputerNameEx(windows.ComputerNameDnsDomain, &buffer[0], &size)
	if domain := windows.UTF16ToString(buffer); err == nil && domain != "" {
		return domain
	}
	var name *uint16
	var status uint32
	if windows.NetGetJoinInformation(nil, &name, &status) != nil || name == nil {
		return ""
	}
	defer windows.NetApiBufferFree((*byte)(unsafe.Pointer(name)))
	return windows.UTF16PtrToString(name)
}
