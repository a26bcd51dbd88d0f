package wire

import "strings"

// Mode is the service mode that a process of the agent runs in. It ends the agent id and, in upper case, labels every call.
type Mode string

// The two service modes. They are two processes with two sockets and one device identity.
const (
	System      Mode = "SYSTEM"
	CurrentUser Mode = "CURRENTUSER"
)

// ServiceMode is the mode as bodies and events carry it: "system" or "currentuser".
func (m Mode) ServiceMode() string { return strings.ToLower(string(m)) }

// AgentID is <HOST>_<GUID>_<CONTEXT>: the host name upper-cased with blanks turned into dashes, UNKNOWN-HOST when it
// is empty; the GUID upper-cased; the context as given.
func AgentID(hostname, guid, context string) string {
	host := strings.ToUpper(strings.TrimSpace(hostname))
	if host == "" {
		host = "UNKNOWN-HOST"
	}
	return strings.ReplaceAll(host, " ", "-") + "_" + strings.ToUpper(guid) + "_" + context
}
