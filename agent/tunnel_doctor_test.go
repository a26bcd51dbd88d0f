package main

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// TestWhatKeepsATunnelFromWorking has one without a handshake, before a port at which nobody listens, and one at which
// somebody listens and says nothing.
func TestWhatKeepsATunnelFromWorking(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := l.LocalAddr().String()
	defer l.Close()
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := gone.LocalAddr().String()
	gone.Close()
	long := time.Now().Add(-time.Hour).Unix()
	for name, c := range map[string]struct {
		t     tunnelState
		state string
		says  string
	}{
		"nobody listens": {tunnelState{tunnelSeen: tunnelSeen{Endpoint: nobody, Opened: long}}, stepFail, "refuses its port"},
		"nobody answers": {tunnelState{tunnelSeen: tunnelSeen{Endpoint: silent, Opened: long}}, stepFail, "no answer either"},
		"long ago":       {tunnelState{tunnelSeen: tunnelSeen{Endpoint: silent, Opened: long, Handshake: long}}, stepFail, "the last one 1h0m"},
		"young":          {tunnelState{tunnelSeen: tunnelSeen{Endpoint: silent, Opened: time.Now().Unix()}}, stepWarn, "young"},
		"well":           {tunnelState{tunnelSeen: tunnelSeen{Endpoint: silent, Opened: long, Handshake: time.Now().Unix()}}, stepOK, "the last one"},
	} {
		f := c.t.lookHandshake(time.Now())
		if f.State != c.state || !strings.Contains(f.Seen, c.says) || (f.State != stepOK && f.Mend == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := (tunnelState{tunnelSeen: tunnelSeen{Endpoint: "no.such.host.invalid:1"}}).lookRoute(time.Now()); f.State != stepFail {
		t.Errorf("%+v", f)
	}
	if f := (tunnelState{Refused: 3}).lookRefused(time.Now()); f.State != stepWarn {
		t.Errorf("%+v", f)
	}
	if list := tunnelFindings(nil, nil); len(list) != 1 || list[0].State != stepWarn {
		t.Errorf("%+v", list)
	}
	if list := tunnelFindings(nil, errors.New("no agent runs")); len(list) != 1 || list[0].State != stepFail {
		t.Errorf("%+v", list)
	}
}
