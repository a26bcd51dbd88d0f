//go:build unix

package http

import "syscall"

func refused(err error) bool { return isOneOf(err, syscall.ECONNREFUSED) }

func unreachable(err error) bool {
	return isOneOf(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, syscall.EADDRNOTAVAIL)
}

func broken(err error) bool {
	return isOneOf(err, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE)
}
