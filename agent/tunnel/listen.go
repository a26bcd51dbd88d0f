package tunnel

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// listener takes the connections to one port of the tunnel's address. No port of the machine is listened on.
type listener struct {
	network *network
	port    uint16
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// listen claims a port. It comes before a forward of the same port.
func (n *network) listen(port uint16) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shutOff {
		return nil, ErrClosed
	}
	if n.claimed[port] != nil {
		return nil, fmt.Errorf("port %d: %w", port, ErrClaimed)
	}
	l := &listener{network: n, port: port, conns: make(chan net.Conn, listenQueue), closed: make(chan struct{})}
	n.claimed[port] = l
	return l, nil
}

func (n *network) listener(port uint16) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.claimed[port]
}

func (l *listener) full() bool { return len(l.conns) == cap(l.conns) }

// offer hands a connection over, or closes it.
func (l *listener) offer(conn net.Conn) {
	select {
	case <-l.closed:
		conn.Close()
		return
	default:
	}
	select {
	case l.conns <- conn:
	default:
		conn.Close()
		return
	}
	select {
	case <-l.closed: // it may have been closed before the connection was in
		l.drain()
	default:
	}
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	case conn := <-l.conns:
		return conn, nil
	}
}

// Close gives the port back, and closes the connections that nobody has accepted.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		if l.network.claimed[l.port] == l {
			delete(l.network.claimed, l.port)
		}
		l.network.mu.Unlock()
		close(l.closed)
	})
	l.drain()
	return nil
}

func (l *listener) drain() {
	for {
		select {
		case conn := <-l.conns:
			conn.Close()
		default:
			return
		}
	}
}

// Addr is the port on the tunnel's address.
func (l *listener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.network.self, l.port))
}
