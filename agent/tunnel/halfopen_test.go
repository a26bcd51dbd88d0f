package tunnel

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/tuntest"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

// syn is a packet that begins a connection from the Engine.
func syn(from uint16, to int) []byte {
	source := tcpip.AddrFrom4(netip.MustParseAddr(tunneltest.EngineIP).As4())
	target := tcpip.AddrFrom4(netip.MustParseAddr(tunneltest.AgentIP).As4())
	packet := make([]byte, header.IPv4MinimumSize+header.TCPMinimumSize)
	ip := header.IPv4(packet)
	ip.Encode(&header.IPv4Fields{TotalLength: uint16(len(packet)), TTL: 64, Protocol: uint8(header.TCPProtocolNumber), SrcAddr: source, DstAddr: target})
	ip.SetChecksum(^ip.CalculateChecksum())
	segment := header.TCP(packet[header.IPv4MinimumSize:])
	segment.Encode(&header.TCPFields{
		SrcPort: from, DstPort: uint16(to), SeqNum: 1, DataOffset: header.TCPMinimumSize, Flags: header.TCPFlagSyn, WindowSize: 65535,
	})
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, source, target, header.TCPMinimumSize)
	segment.SetChecksum(^segment.CalculateChecksum(checksum.Combine(sum, 0)))
	return packet
}

// TestConnectionsThatAreNeverMade has a peer begin many connections and finish none: they are bounded, and no reason for
// a session to outlive its end.
func TestConnectionsThatAreNeverMade(t *testing.T) {
	wire := tuntest.NewChannelTUN()
	server, client := tunneltest.NewKey(t), tunneltest.NewKey(t)
	peer := device.NewDevice(wire.TUN(), conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	defer peer.Close()
	err := peer.IpcSet(fmt.Sprintf("private_key=%s\nlisten_port=0\npublic_key=%s\nallowed_ip=%s/32\n",
		hex.EncodeToString(server.Bytes()), hex.EncodeToString(client.PublicKey().Bytes()), tunneltest.AgentIP))
	if err == nil {
		err = peer.Up()
	}
	text, _ := peer.IpcGet()
	_, text, _ = strings.Cut(text, "listen_port=")
	port, _, _ := strings.Cut(text, "\n")
	if err != nil || port == "" {
		t.Fatal(port, err)
	}

	local := tunneltest.Echo(t)
	tunnels := newTunnels(t)
	tunnels.Keep(offer(tunneltest.Text(server.PublicKey().Bytes()), tunneltest.Text(client.Bytes()), port, local))
	s, err := tunnels.Open(t.Context(), testID, options(local))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a handshake", func() bool { return s.State().Handshake != nil })
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for from := range uint16(500) {
			wire.Outbound <- syn(1024+from, local)
		}
	}()
	answers := 0
	for answers < 20 {
		answer := header.TCP((<-wire.Inbound)[header.IPv4MinimumSize:])
		if answer.Flags() == header.TCPFlagSyn|header.TCPFlagAck {
			answers++
		}
	}
	stop, drained := make(chan struct{}), make(chan struct{})
	go func() { // the rest of what is said to the peer
		defer close(drained)
		for {
			select {
			case <-wire.Inbound:
			case <-stop:
				return
			}
		}
	}()
	<-sent
	if n := s.State().Connections; n < 1 || n > 64 {
		t.Errorf("%d connections are being made", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	close(stop)
	<-drained
}
