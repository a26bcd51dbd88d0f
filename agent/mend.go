package main

import (
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/identity"
	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// askDoctor is the mend of what may have many causes.
const askDoctor = "borealis-agent doctor shows where the way to the Engine ends"

// mends says what an operator can do about a failure. A failure is known by its sentinel's words, since what is shown
// has been through a log or another process.
func mends() []struct {
	of   error
	mend string
} {
	return []struct {
		of   error
		mend string
	}{
		{engine.ErrNoCode, "make an enrollment code at the Engine and start the agent with --enrollment-code"},
		{engine.ErrCode, "make a new enrollment code at the Engine and start the agent with it"},
		{engine.ErrDenied, "approve the device at the Engine; it asks again by itself"},
		{engine.ErrLapsed, "approve the device at the Engine while it waits; it asks again by itself"},
		{engine.ErrRevoked, "make the device active again at the Engine; nothing is to be done here"},
		{engine.ErrDeviceUnknown, "if it was removed by mistake, delete refresh.token and enroll it again"},
		{engine.ErrBinding, "put the old identity and the pinned bundle back, or enroll again with a code"},
		{engine.ErrPlainHTTP, "name the Engine with https:// in BOREALIS_SERVER_URL or server_url.txt"},
		{engine.ErrUntrusted, askDoctor + "; what it trusts is never changed by itself"},
		{engine.ErrUnreachable, askDoctor},
		{settings.ErrCloned, "delete the Identity folder, refresh.token and access.jwt to enroll this machine as a device of its own"},
		{settings.ErrSealKey, "put the seal key back from a backup, or delete what it had sealed and enroll again"},
		{identity.ErrUnreadable, "run the agent as the account that made the key, or put the key's file back from a backup"},
		{identity.ErrLost, "put the key's file back from a backup; or remove the public one too, and enroll a new device"},
		{outbox.ErrFull, "results wait for an Engine that does not take them: " + askDoctor},
		{settings.ErrNoServerURL, "put the Engine's URL into server_url.txt or BOREALIS_SERVER_URL"},
	}
}

// mendOf is what can be done about a failure, "" when nothing is known.
func mendOf(failure string) string {
	for _, m := range mends() {
		if strings.Contains(failure, m.of.Error()) {
			return m.mend
		}
	}
	return ""
}
