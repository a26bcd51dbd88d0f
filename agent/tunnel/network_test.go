package tunnel

import (
	"io"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// twoNetworks are ours and a peer's, with a wire between them on which each of our packets waits for the delay.
func twoNetworks(t *testing.T, delay time.Duration) (ours, peers *network) {
	make := func(self, peer string) *network {
		n, err := newNetwork(wire.TunnelStart{VirtualIP: self + "/32", AllowedIPs: []string{peer + "/32"}}, options(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		return n
	}
	ours, peers = make(tunneltest.AgentIP, tunneltest.EngineIP), make(tunneltest.EngineIP, tunneltest.AgentIP)
	go carryPackets(peers, ours, delay)
	go carryPackets(ours, peers, 0)
	return ours, peers
}

func carryPackets(to, from *network, delay time.Duration) {
	sizes, bufs := [1]int{}, [1][]byte{}
	for {
		time.Sleep(delay)
		bufs[0] = make([]byte, from.options.MTU)
		if _, err := from.Read(bufs[:], sizes[:], 0); err != nil {
			return
		}
		bufs[0] = bufs[0][:sizes[0]]
		_, _ = to.Write(bufs[:], 0) // it never fails
	}
}

func TestThePeerHearsOfTheEndHoweverSlowTheWay(t *testing.T) {
	ours, peers := twoNetworks(t, 150*time.Millisecond)
	l, err := ours.listen(47002)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := peers.dial(t.Context(), 47002)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	ours.shut()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAPeerThatHasVanishedHoldsNothingUp(t *testing.T) {
	ours, peers := twoNetworks(t, 0)
	if _, err := ours.listen(47002); err != nil {
		t.Fatal(err)
	}
	if _, err := peers.dial(t.Context(), 47002); err != nil {
		t.Fatal(err)
	}
	peers.silence()
	begun := time.Now()
	ours.shut()
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}
