package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// What WireGuard needs: it greets anew every two minutes while something is sent, and gives up after three (its protocol);
// an IPv6 packet has at least 1280 bytes, and WireGuard adds up to 80.
const (
	staleHandshake = 180 * time.Second
	firstHandshake = 15 * time.Second // what the first one may take
	leastMTU       = 1280 + 80
)

// tunnelFindings are what can be said of the tunnels of this machine's agents.
func tunnelFindings(list []tunnelState, trouble error) []finding {
	if trouble != nil {
		f := wrong(trouble.Error(), "start the agent: borealis-agent service start, or borealis-agent run")
		f.Step = "agent"
		return []finding{f}
	}
	if len(list) == 0 {
		f := warn("no tunnel is open",
			"an Engine opens one when somebody wants in; why one was refused or closed stands in Logs/VPN_Tunnel/tunnel.log")
		f.Step = "session"
		return []finding{f}
	}
	var found []finding
	for _, t := range list {
		for _, step := range []struct {
			name string
			look func(tunnelState, time.Time) finding
		}{
			{"session", tunnelState.lookSession},
			{"route", tunnelState.lookRoute},
			{"handshake", tunnelState.lookHandshake},
			{"mtu", tunnelState.lookMTU},
			{"refused", tunnelState.lookRefused},
		} {
			f := step.look(t, time.Now())
			f.Step = step.name
			found = append(found, f)
		}
	}
	return found
}

func (t tunnelState) lookSession(now time.Time) finding {
	return fine("%s of the agent in mode %s, open for %s", t.ID, t.Mode, since(t.Opened, now))
}

// lookRoute asks the system how it would send to the endpoint. Nothing is sent.
func (t tunnelState) lookRoute(time.Time) finding {
	conn, err := net.Dial("udp", t.Endpoint)
	if err != nil {
		return wrong(fmt.Sprintf("no way to %s: %v", t.Endpoint, err), "check this machine's routes and the name of the endpoint")
	}
	defer conn.Close()
	return fine("UDP to %s leaves by %s", t.Endpoint, conn.LocalAddr())
}

// lookHandshake says whether the Engine answers; if not, whether its machine says why.
func (t tunnelState) lookHandshake(now time.Time) finding {
	age := since(t.Handshake, now)
	switch {
	case t.Handshake != 0 && age < staleHandshake:
		return fine("the last one %s ago, %d bytes sent, %d received", age, t.Sent, t.Received)
	case t.Handshake == 0 && since(t.Opened, now) < firstHandshake:
		return warn("none yet, and the tunnel is young", "ask again in a while")
	}
	seen := "none ever"
	if t.Handshake != 0 {
		seen = fmt.Sprintf("the last one %s ago", age)
	}
	if refused(t.Endpoint) {
		return wrong(seen+"; the endpoint's machine refuses its port", "see that the Engine's WireGuard listens there")
	}
	return wrong(seen+", and no answer either", "let UDP to "+t.Endpoint+" through every firewall on the way, or see to the Engine's WireGuard")
}

// refused sends one byte, and says whether an answer comes that nobody listens there.
func refused(endpoint string) bool {
	conn, err := net.Dial("udp", endpoint)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{0}); err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, err = conn.Read(make([]byte, 1))
	return errors.Is(err, syscall.ECONNREFUSED)
}

func (t tunnelState) lookMTU(time.Time) finding {
	mtu, err := pathMTU(t.Endpoint)
	switch {
	case err != nil:
		return finding{State: stepSkipped, Seen: err.Error()}
	case mtu < leastMTU:
		return wrong(fmt.Sprintf("%d bytes to %s, of at least %d", mtu, t.Endpoint, leastMTU), "raise the MTU of the interface on the way")
	}
	return fine("%d bytes to %s, as far as this machine knows", mtu, t.Endpoint)
}

func (t tunnelState) lookRefused(time.Time) finding {
	if t.Refused > 0 {
		return warn(fmt.Sprintf("%d connections of the Engine were refused, %d accepted", t.Refused, t.Accepted),
			"the ports that the Engine allowed are in Logs/VPN_Tunnel/tunnel.log; on this machine something must listen on 127.0.0.1")
	}
	return fine("no connection was refused, %d accepted", t.Accepted)
}
