package main

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// pathMTU is the largest packet that this machine would send to an address, by what it has learnt of the way.
func pathMTU(endpoint string) (mtu int, err error) {
	conn, err := net.Dial("udp", endpoint)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if a := conn.RemoteAddr().(*net.UDPAddr); a.IP.To4() == nil {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	var got error
	err = raw.Control(func(fd uintptr) { mtu, got = unix.GetsockoptInt(int(fd), level, option) })
	return mtu, errors.Join(err, got)
}
