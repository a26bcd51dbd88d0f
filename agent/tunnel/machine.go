package tunnel

import (
	"errors"
	"slices"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// interfaceName is what the machine calls the interface, where it lets us choose.
const interfaceName = "borealis"

// maxFlows is how many of the machine's own connections to the Engine are remembered; one of UDP, whose end nobody sees, for
// as long as the tables of firewalls usually do.
const (
	maxFlows = 4096
	udpFlow  = 3 * time.Minute
)

// room is what a packet leaves free in front of itself: what the systems' interfaces need for headers of their own.
const room = 16

// machine is a real interface of this machine beside the session's own stack. It is the packet filter too, the same on
// every system: what the Engine sends to a forwarded port goes to the machine, and so does what answers the machine's own
// connections; all else is the stack's, which knows the ports that roles listen on, and refuses the others.
type machine struct {
	tun.Device
	network *network

	mu    sync.Mutex
	flows map[flow]time.Time // when the machine last began or, of UDP, sent something
}

// flow is a connection that the machine began.
type flow struct {
	protocol     tcpip.TransportProtocolNumber
	ours, theirs uint16
}

// attach gives the session a real interface.
func (n *network) attach() error {
	device, err := openInterface(n.options.MTU, n.self, n.peer)
	if err != nil {
		return errors.Join(ErrInterface, err)
	}
	n.machine = &machine{Device: device, network: n, flows: map[flow]time.Time{}}
	n.pumping.Go(n.machine.pump)
	n.pumping.Go(func() {
		for range device.Events() { // it would wait for ever for somebody to hear that it is up
		}
	})
	return nil
}

// pump carries what the machine sends to WireGuard, through the stack's queue, until the interface is closed.
func (m *machine) pump() {
	bufs, sizes := make([][]byte, m.BatchSize()), make([]int, m.BatchSize())
	for i := range bufs {
		bufs[i] = make([]byte, room+m.network.options.MTU)
	}
	for {
		count, err := m.Read(bufs, sizes, room)
		if err != nil && !errors.Is(err, tun.ErrTooManySegments) {
			return
		}
		for i, buf := range bufs[:count] {
			if packet := buf[room : room+sizes[i]]; m.leaves(packet) {
				m.network.count.toEngine.Add(int64(payload(packet)))
				m.network.send(packet)
			}
		}
	}
}

// send queues a packet for WireGuard; one for which there is no room is lost, as on any wire.
func (n *network) send(packet []byte) {
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(slices.Clone(packet))})
	defer p.DecRef()
	var list stack.PacketBufferList
	list.PushBack(p)
	_, _ = n.link.WritePackets(list)
}

// leaves says whether a packet of the machine's is for the Engine, and remembers which connection it begins.
func (m *machine) leaves(packet []byte) bool {
	ip, ports, ok := parse(packet)
	if !ok || ip.SourceAddress() != m.network.address(m.network.self) || ip.DestinationAddress() != m.network.address(m.network.peer) {
		return false
	}
	protocol := ip.TransportProtocol()
	if protocol == header.UDPProtocolNumber || (protocol == header.TCPProtocolNumber && begins(ip)) {
		m.remember(flow{protocol, ports.source, ports.destination})
	}
	return true
}

func (m *machine) remember(f flow) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.flows) >= maxFlows {
		for other := range m.flows {
			delete(m.flows, other) // any: it is a machine that has begun thousands
			break
		}
	}
	m.flows[f] = time.Now()
}

// takes says whether a packet of the Engine's is the machine's. WireGuard has seen to its source.
func (m *machine) takes(packet []byte) bool {
	ip, ports, ok := parse(packet)
	if !ok || ip.DestinationAddress() != m.network.address(m.network.self) {
		return false
	}
	switch ip.TransportProtocol() {
	case header.ICMPv4ProtocolNumber:
		kind := header.ICMPv4(ip.Payload()).Type()
		return kind == header.ICMPv4EchoReply || kind == header.ICMPv4DstUnreachable || kind == header.ICMPv4TimeExceeded
	case header.TCPProtocolNumber:
		switch {
		case m.network.listener(ports.destination) != nil:
			return false
		case slices.Contains(m.network.options.Forward, int(ports.destination)):
			m.note(ip)
			return true
		case begins(ip): // whatever the machine has begun, this is the Engine's beginning
			return false
		}
	}
	return m.began(flow{ip.TransportProtocol(), ports.destination, ports.source})
}

// began says whether a connection is the machine's own.
func (m *machine) began(f flow) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, known := m.flows[f]
	return known && (f.protocol != header.UDPProtocolNumber || time.Since(at) < udpFlow)
}

// note counts what goes to a forwarded port.
func (m *machine) note(ip header.IPv4) {
	m.network.count.toMachine.Add(int64(payload(ip)))
	if begins(ip) {
		m.network.count.accepted.Add(1)
	}
}
