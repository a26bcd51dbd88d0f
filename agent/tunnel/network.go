package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const (
	nic        = 1
	queueSize  = 4096 // packets on their way to WireGuard
	batchSize  = 64   // packets that WireGuard takes at a time
	maxPending = 64   // connections that are being made
)

// network is a TCP stack with one address, whose wire is WireGuard: a tun.Device for the one, and connections for us.
type network struct {
	stack   *stack.Stack
	link    *channel.Endpoint
	events  chan tun.Event
	ctx     context.Context // ends as the session begins to end
	cancel  context.CancelFunc
	wire    context.Context // ends once there is nothing more to send
	silence context.CancelFunc
	self    netip.Addr
	peer    netip.Addr
	options Options
	dialer  func(ctx context.Context, network, address string) (net.Conn, error)
	count   counts
	machine *machine       // nil unless the session has a real interface
	pumping sync.WaitGroup // of the machine

	running sync.WaitGroup // connections
	mu      sync.Mutex
	shutOff bool
	busy    int // connections, and what is about to be one
	open    map[net.Conn]struct{}
	claimed map[uint16]*listener
}

var _ tun.Device = (*network)(nil)

func newNetwork(offer wire.TunnelStart, o Options, dial func(context.Context, string, string) (net.Conn, error)) (*network, error) {
	self, err := netip.ParsePrefix(offer.VirtualIP)
	if err != nil {
		return nil, err
	}
	peer, err := netip.ParsePrefix(offer.AllowedIPs[0])
	if err != nil {
		return nil, err
	}
	n := &network{
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, icmp.NewProtocol4},
		}),
		link:   channel.New(queueSize, uint32(o.MTU), ""),
		events: make(chan tun.Event),
		self:   self.Addr(), peer: peer.Addr(), options: o, dialer: dial,
		open: map[net.Conn]struct{}{}, claimed: map[uint16]*listener{},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.wire, n.silence = context.WithCancel(context.Background())
	if err := n.setUp(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// setUp gives the stack its address, its one route and the way in for connections.
func (n *network) setUp() error {
	sack, adapt := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &adapt} {
		if err := n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return fmt.Errorf("network stack: %s", err)
		}
	}
	if err := n.stack.CreateNIC(nic, n.link); err != nil {
		return fmt.Errorf("network stack: %s", err)
	}
	address := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: n.address(n.self).WithPrefix()}
	if err := n.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
		return fmt.Errorf("network stack: address %s: %s", n.self, err)
	}
	to := n.address(n.peer).WithPrefix().Subnet()
	n.stack.SetRouteTable([]tcpip.Route{{Destination: to, NIC: nic}})
	n.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(n.stack, 0, maxPending, n.serve).HandlePacket)
	return nil
}

func (n *network) address(a netip.Addr) tcpip.Address { return tcpip.AddrFrom4(a.As4()) }

// dial connects to the peer.
func (n *network) dial(ctx context.Context, port uint16) (net.Conn, error) {
	to := tcpip.FullAddress{NIC: nic, Addr: n.address(n.peer), Port: port}
	if !n.enter() {
		return nil, ErrFull
	}
	conn, err := gonet.DialContextTCP(ctx, n.stack, to, ipv4.ProtocolNumber)
	if err == nil && !n.add(conn) {
		conn.Close()
		err = ErrClosed
	}
	n.exit(err == nil)
	if err != nil {
		return nil, err
	}
	return n.track(conn), nil
}

// farewell is how long a peer may take to confirm that it heard of the end of its connections: one that heard of it need
// not wait for its own patience to run out, and one that has vanished holds nobody up for longer.
const farewell = time.Second

// lastWords is how long WireGuard has for what the peer does not confirm: a reset.
const lastWords = 20 * time.Millisecond

// shut takes no more connections, and ends those that there are.
func (n *network) shut() {
	n.mu.Lock()
	n.shutOff = true
	open, claimed := n.open, n.claimed
	n.open, n.claimed = map[net.Conn]struct{}{}, map[uint16]*listener{}
	n.mu.Unlock()
	n.cancel()
	for _, l := range claimed {
		l.Close()
	}
	for conn := range open {
		conn.Close()
	}
	ended := make(chan struct{})
	go func() {
		n.running.Wait()
		close(ended)
	}()
	n.part(ended)
	if len(open) > 0 {
		time.Sleep(lastWords)
	}
	n.silence()
	n.abort(ended)
}

// part waits until nothing is under way here and the peer has confirmed every end, or is not going to.
func (n *network) part(ended <-chan struct{}) {
	late := time.After(farewell)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for parted := false; !parted; {
		select {
		case <-late:
			return
		case <-again.C:
		}
		select {
		case <-ended:
			parted = !n.parting()
		default:
		}
	}
}

// parting says whether there is a connection whose end the peer has not confirmed.
func (n *network) parting() bool {
	return slices.ContainsFunc(n.stack.RegisteredEndpoints(), func(e stack.TransportEndpoint) bool {
		endpoint, is := e.(*tcp.Endpoint)
		if !is {
			return false
		}
		switch endpoint.EndpointState() {
		case tcp.StateFinWait2, tcp.StateTimeWait, tcp.StateClose, tcp.StateError:
			return false
		}
		return true
	})
}

// abort ends what is still being made or closed, until no goroutine is left that could make more: the stack would wait
// for ever for a connection that is begun while it ends.
func (n *network) abort(ended <-chan struct{}) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		for _, endpoint := range n.stack.RegisteredEndpoints() {
			endpoint.Abort()
		}
		select {
		case <-ended:
			return
		case <-again.C:
		}
	}
}

// The rest is the wire.

// Read gives WireGuard the packets that the stack sends.
func (n *network) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	packet := n.link.ReadContext(n.wire)
	if packet == nil {
		return 0, os.ErrClosed
	}
	count := 0
	for packet != nil {
		view := packet.ToView()
		sizes[count] = copy(bufs[count][offset:], view.AsSlice())
		view.Release()
		packet.DecRef()
		if count++; count == len(bufs) {
			break
		}
		packet = n.link.Read()
	}
	return count, nil
}

// Write takes the packets that WireGuard received. Their source is the peer's address: WireGuard lets no other through.
func (n *network) Write(bufs [][]byte, offset int) (int, error) {
	var through [][]byte
	for _, buf := range bufs {
		switch {
		case header.IPVersion(buf[offset:]) != header.IPv4Version:
			continue
		case n.machine != nil && n.machine.takes(buf[offset:]):
			through = append(through, buf)
			continue
		}
		packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(buf[offset:])})
		n.link.InjectInbound(header.IPv4ProtocolNumber, packet)
		packet.DecRef()
	}
	if len(through) > 0 {
		_, _ = n.machine.Write(through, offset) // what the machine does not take is lost, as on any wire
	}
	return len(bufs), nil
}

// Close ends the stack, and the interface if there is one.
func (n *network) Close() error {
	n.cancel()
	n.silence()
	var err error
	if n.machine != nil {
		err = n.machine.Close()
		n.pumping.Wait()
	}
	n.stack.Destroy()
	n.link.Close()
	close(n.events)
	return err
}

// MTU is the size of the largest packet.
func (n *network) MTU() (int, error) { return n.options.MTU, nil }

// Name is what WireGuard calls it in its lines.
func (n *network) Name() (string, error) { return "borealis", nil }

// File is nil: there is no device of the machine.
func (n *network) File() *os.File { return nil }

// Events tells of changes to the interface, of which there are none.
func (n *network) Events() <-chan tun.Event { return n.events }

// BatchSize is how many packets Read and Write take at most.
func (n *network) BatchSize() int { return batchSize }
