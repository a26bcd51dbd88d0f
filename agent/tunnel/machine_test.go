package tunnel

import (
	"encoding/binary"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// packetOf is a packet between the two ends of the tunnel, whole but for its checksums.
func packetOf(protocol tcpip.TransportProtocolNumber, toAgent bool, source, destination uint16, flags header.TCPFlags) []byte {
	packet := make([]byte, header.IPv4MinimumSize+header.TCPMinimumSize)
	from, to := tcpip.AddrFrom4([4]byte{10, 255, 0, 2}), tcpip.AddrFrom4([4]byte{10, 255, 0, 1})
	if toAgent {
		from, to = to, from
	}
	header.IPv4(packet).Encode(&header.IPv4Fields{
		TotalLength: uint16(len(packet)), TTL: 64, Protocol: uint8(protocol), SrcAddr: from, DstAddr: to,
	})
	header.TCP(packet[header.IPv4MinimumSize:]).Encode(&header.TCPFields{
		SrcPort: source, DstPort: destination, DataOffset: header.TCPMinimumSize, Flags: flags,
	})
	if protocol == header.UDPProtocolNumber {
		binary.BigEndian.PutUint16(packet[header.IPv4MinimumSize+4:], header.TCPMinimumSize) // its length
	}
	return packet
}

// TestWhichPacketsAreTheMachines asks the filter.
func TestWhichPacketsAreTheMachines(t *testing.T) {
	n, err := newNetwork(offer("", "", "1", 22, 47002), options(22), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	m := &machine{network: n, flows: map[flow]time.Time{}}
	if _, err := n.listen(47002); err != nil {
		t.Fatal(err)
	}
	const tcp, udp, syn, ack = header.TCPProtocolNumber, header.UDPProtocolNumber, header.TCPFlagSyn, header.TCPFlagAck
	asks := func(what string, packet []byte, want bool) {
		t.Helper()
		if got := m.takes(packet); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	asks("a forwarded port", packetOf(tcp, true, 40000, 22, syn), true)
	asks("a role's port", packetOf(tcp, true, 40000, 47002, syn), false)
	asks("another port", packetOf(tcp, true, 40000, 23, syn), false)
	asks("an answer to nothing", packetOf(tcp, true, 80, 50000, syn|ack), false)
	asks("UDP", packetOf(udp, true, 53, 50000, 0), false)
	if !m.leaves(packetOf(tcp, false, 50000, 80, syn)) || !m.leaves(packetOf(udp, false, 50000, 53, 0)) {
		t.Error("the machine's own packets do not leave")
	}
	asks("an answer", packetOf(tcp, true, 80, 50000, syn|ack), true)
	asks("an answer of UDP", packetOf(udp, true, 53, 50000, 0), true)
	asks("a beginning from the port that was spoken to", packetOf(tcp, true, 80, 50000, syn), false)
	asks("another port of the Engine's", packetOf(tcp, true, 81, 50000, ack), false)
	m.flows[flow{udp, 50000, 53}] = time.Now().Add(-udpFlow)
	asks("UDP that was forgotten", packetOf(udp, true, 53, 50000, 0), false)
	if m.leaves(packetOf(tcp, true, 50000, 80, syn)) {
		t.Error("a packet with another source leaves")
	}
	fragment := packetOf(tcp, true, 40000, 22, syn)
	binary.BigEndian.PutUint16(fragment[6:], 1)
	for what, packet := range map[string][]byte{
		"a fragment": fragment, "nothing": nil, "half a header": fragment[:10], "IPv6": append([]byte{0x60}, fragment[1:]...),
		"a long header": append([]byte{0x4f}, fragment[1:]...), "a short packet": packetOf(tcp, true, 40000, 22, syn)[:30],
	} {
		asks(what, packet, false)
		if m.leaves(packet) {
			t.Errorf("%s leaves", what)
		}
	}
}

// FuzzFilter has both ends say anything.
func FuzzFilter(f *testing.F) {
	f.Add(packetOf(header.TCPProtocolNumber, true, 40000, 22, header.TCPFlagSyn))
	f.Add(packetOf(header.UDPProtocolNumber, false, 50000, 53, 0))
	n, err := newNetwork(offer("", "", "1", 22), options(22), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { n.Close() })
	m := &machine{network: n, flows: map[flow]time.Time{}}
	f.Fuzz(func(t *testing.T, packet []byte) {
		m.leaves(packet)
		m.takes(packet)
	})
}
