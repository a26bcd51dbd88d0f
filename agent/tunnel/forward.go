package tunnel

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	dialTime     = 5 * time.Second  // for a port of this machine
	peerIdle     = 60 * time.Second // until a silent peer is asked whether it is still there,
	peerAskEvery = 15 * time.Second // and how often it may leave that unanswered
	peerAsks     = 4
	listenQueue  = 16 // connections that nobody has accepted yet
)

// counts is what became of the connections that the Engine made.
type counts struct{ accepted, refused, toEngine, toMachine atomic.Int64 }

// serve answers one connection that the Engine asks for: it comes about only if somebody takes it at the other end.
func (n *network) serve(request *tcp.ForwarderRequest) {
	refuse := func() {
		n.count.refused.Add(1)
		request.Complete(true)
	}
	if !n.enter() {
		refuse()
		return
	}
	kept := false
	defer func() { n.exit(kept) }()
	port := request.ID().LocalPort
	l := n.listener(port)
	var local net.Conn
	var err error
	switch {
	case l != nil && l.full():
		err = ErrFull
	case l == nil && slices.Contains(n.options.Forward, int(port)):
		local, err = n.toMachine(port)
	case l == nil:
		err = ErrPort
	}
	if err != nil {
		refuse()
		return
	}
	conn, err := accept(request)
	if err != nil || !n.add(conn) {
		closeAll(conn, local)
		return
	}
	n.count.accepted.Add(1)
	if l != nil {
		kept = true
		l.offer(n.track(conn))
		return
	}
	defer n.remove(conn)
	n.splice(conn, local)
}

// enter counts a connection in, unless the session is ending or has as many as it may.
func (n *network) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shutOff || n.busy >= n.options.MaxConnections {
		return false
	}
	n.busy++
	n.running.Add(1)
	return true
}

// exit is the end of a connection, or, when it is kept, of what there was to do for it here.
func (n *network) exit(kept bool) {
	if !kept {
		n.leave()
	}
	n.running.Done()
}

func (n *network) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.busy--
}

// toMachine connects to a port of this machine.
func (n *network) toMachine(port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(n.ctx, dialTime)
	defer cancel()
	return n.dialer(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
}

// accept makes the connection that was asked for. A peer that falls silent is noticed.
func accept(request *tcp.ForwarderRequest) (net.Conn, error) {
	var queue waiter.Queue
	endpoint, failed := request.CreateEndpoint(&queue)
	request.Complete(failed != nil)
	if failed != nil {
		return nil, fmt.Errorf("connection: %s", failed)
	}
	idle, every := tcpip.KeepaliveIdleOption(peerIdle), tcpip.KeepaliveIntervalOption(peerAskEvery)
	for _, option := range []tcpip.SettableSocketOption{&idle, &every} {
		if err := endpoint.SetSockOpt(option); err != nil {
			endpoint.Close()
			return nil, fmt.Errorf("connection: %s", err)
		}
	}
	if err := endpoint.SetSockOptInt(tcpip.KeepaliveCountOption, peerAsks); err != nil {
		endpoint.Close()
		return nil, fmt.Errorf("connection: %s", err)
	}
	endpoint.SocketOptions().SetKeepAlive(true)
	return gonet.NewTCPConn(&queue, endpoint), nil
}

// add keeps a connection so that it ends with the session; false means that the session has ended.
func (n *network) add(conn net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shutOff {
		return false
	}
	n.open[conn] = struct{}{}
	return true
}

func (n *network) remove(conn net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, conn)
}

// splice carries both directions until both have ended, or one has failed.
func (n *network) splice(engine, local net.Conn) {
	defer closeAll(engine, local)
	stop := context.AfterFunc(n.ctx, func() { local.Close() })
	defer stop()
	var way sync.WaitGroup
	way.Go(func() { carry(local, engine, &n.count.toMachine) })
	carry(engine, local, &n.count.toEngine)
	way.Wait()
}

// carry copies one direction. Its end is passed on as an end, its failure as the end of both.
func carry(to, from net.Conn, count *atomic.Int64) {
	_, err := io.Copy(counting{to, count}, from)
	if half, can := to.(interface{ CloseWrite() error }); err == nil && can && half.CloseWrite() == nil {
		return
	}
	closeAll(to, from)
}

type counting struct {
	net.Conn
	count *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.count.Add(int64(n))
	return n, err
}

func closeAll(conns ...net.Conn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}

// tracked is a connection that somebody else uses, counted until it is closed.
type tracked struct {
	net.Conn
	leave func()
}

func (n *network) track(conn net.Conn) *tracked {
	return &tracked{conn, sync.OnceFunc(func() {
		n.remove(conn)
		n.leave()
	})}
}

// Close ends the connection.
func (t *tracked) Close() error {
	t.leave()
	return t.Conn.Close()
}
