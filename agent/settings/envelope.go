package settings

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

const (
	envelopeMark    = "borealis-sealed:"
	envelopeVersion = "1"
)

// envelope is the form of a sealed secret, one line of text: borealis-sealed:1:KEY:MACHINE:BODY. KEY and MACHINE mark
// what it was sealed with and where, so that a wrong key, a copied machine and a damaged file are told apart.
type envelope struct {
	key, machine string
	body         []byte
}

// header is all before the body. A seal covers it too.
func (e envelope) header() string {
	return envelopeMark + envelopeVersion + ":" + e.key + ":" + e.machine + ":"
}

func (e envelope) text() []byte {
	return []byte(e.header() + base64.StdEncoding.EncodeToString(e.body) + "\n")
}

// enveloped says whether data claims to be an envelope; what does not was never sealed by this agent.
func enveloped(data []byte) bool { return bytes.HasPrefix(data, []byte(envelopeMark)) }

func parseEnvelope(data []byte) (envelope, error) {
	parts := strings.Split(strings.TrimSpace(string(data)), ":")
	if len(parts) < 2 || parts[1] != envelopeVersion {
		return envelope{}, fmt.Errorf("sealed by a newer agent, or %w", ErrDamaged)
	}
	if len(parts) != 5 {
		return envelope{}, ErrDamaged
	}
	body, err := base64.StdEncoding.Strict().DecodeString(parts[4])
	if err != nil {
		return envelope{}, ErrDamaged
	}
	return envelope{key: parts[2], machine: parts[3], body: body}, nil
}
