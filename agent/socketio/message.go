package socketio

import (
	"encoding/json"
	"errors"
)

// Message is one event as received.
type Message struct {
	Event string
	// Args are the event's arguments, text as received. A binary value is still its placeholder; Values resolves it.
	Args []json.RawMessage
	// Attachments are the binary values, in the order of their placeholders' numbers.
	Attachments [][]byte
	// Ack answers the peer. It is nil when the peer asked for no answer, and works once.
	Ack func(args ...any) error
}

// Binary is an argument, or a part of one, that travels as a binary attachment. It is found as an argument of its
// own and inside []any and map[string]any; elsewhere, as in a struct field, it refuses to be encoded.
type Binary []byte

// Values returns the arguments decoded, numbers as [json.Number], binary values as [Binary].
func (m Message) Values() ([]any, error) { return nil, errors.ErrUnsupported }
