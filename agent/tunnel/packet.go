package tunnel

import "gvisor.dev/gvisor/pkg/tcpip/header"

// ports are those of a packet.
type ports struct{ source, destination uint16 }

// parse reads a whole packet of IPv4, and the ports of one that has some. A fragment has none that could be trusted.
func parse(packet []byte) (ip header.IPv4, p ports, ok bool) {
	ip = header.IPv4(packet)
	if header.IPVersion(packet) != header.IPv4Version || !ip.IsValid(len(packet)) || ip.More() || ip.FragmentOffset() != 0 {
		return nil, p, false
	}
	switch text := ip.Payload(); ip.TransportProtocol() {
	case header.TCPProtocolNumber:
		if len(text) < header.TCPMinimumSize || int(header.TCP(text).DataOffset()) > len(text) {
			return nil, p, false
		}
		return ip, ports{header.TCP(text).SourcePort(), header.TCP(text).DestinationPort()}, true
	case header.UDPProtocolNumber:
		if len(text) < header.UDPMinimumSize {
			return nil, p, false
		}
		return ip, ports{header.UDP(text).SourcePort(), header.UDP(text).DestinationPort()}, true
	case header.ICMPv4ProtocolNumber:
		return ip, p, len(text) >= header.ICMPv4MinimumSize
	}
	return nil, p, false
}

// begins says whether a checked packet of TCP asks for a connection.
func begins(ip header.IPv4) bool {
	return header.TCP(ip.Payload()).Flags()&(header.TCPFlagSyn|header.TCPFlagAck) == header.TCPFlagSyn
}

// payload is how many bytes of a checked packet are what a program wrote.
func payload(packet []byte) int {
	ip := header.IPv4(packet)
	if ip.TransportProtocol() != header.TCPProtocolNumber {
		return len(ip.Payload())
	}
	return len(header.TCP(ip.Payload()).Payload())
}
