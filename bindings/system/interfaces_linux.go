package system

import (
	"net"
	"strconv"
)

// linkSpeeds gives a function that tells an interface's speed in Mbit/s, 0 when it is not known.
func (m machine) linkSpeeds() func(net.Interface) int {
	return func(i net.Interface) int {
		speed, err := strconv.Atoi(m.line("sys/class/net", i.Name, "speed"))
		if err != nil || speed < 0 {
			return 0
		}
		return speed
	}
}
