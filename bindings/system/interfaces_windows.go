package system

import (
	"net"
	"unsafe"

	"golang.org/x/sys/windows"
)

// linkSpeeds asks once for all adapters; the speed of one is in bits a second there, all ones when it is not known.
func (m machine) linkSpeeds() func(net.Interface) int {
	speeds := map[int]int{}
	size := uint32(15 << 10) // what Microsoft proposes to begin with
	for range 3 {
		buffer := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buffer[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, windows.GAA_FLAG_SKIP_DNS_SERVER, 0, first, &size)
		if err == windows.ERROR_BUFFER_OVERFLOW {
			continue
		}
		if err != nil {
			break
		}
		for a := first; a != nil; a = a.Next {
			if a.TransmitLinkSpeed != ^uint64(0) {
				speeds[int(a.IfIndex)] = int(a.TransmitLinkSpeed / 1e6)
			}
		}
		break
	}
	return func(i net.Interface) int { return speeds[i.Index] }
}
