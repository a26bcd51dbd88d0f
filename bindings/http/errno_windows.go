package http

import "golang.org/x/sys/windows"

func refused(err error) bool { return isOneOf(err, windows.WSAECONNREFUSED) }

func unreachable(err error) bool {
	return isOneOf(err, windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN,
		windows.WSAEADDRNOTAVAIL)
}

func broken(err error) bool {
	return isOneOf(err, windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAESHUTDOWN)
}
