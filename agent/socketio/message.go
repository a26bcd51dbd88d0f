package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Message is one event as received, or the answer to one.
type Message struct {
	Event string // empty in an answer
	// Args are the arguments, text as received. A binary value is still its placeholder; Values resolves it.
	Args []json.RawMessage
	// Attachments are the binary values, in the order of their placeholders' numbers.
	Attachments [][]byte
	// Ack answers the peer. It is nil when the peer asked for no answer, and works once.
	Ack func(args ...any) error
}

// Binary is an argument, or a part of one, that travels as a binary attachment. It is found as an argument of its
// own and inside []any and map[string]any; elsewhere, as in a struct field, it refuses to be encoded.
type Binary []byte

// MarshalJSON refuses: a Binary that reaches the JSON encoder stands where the protocol cannot carry it.
func (Binary) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a Binary travels only as an argument or inside []any and map[string]any")
}

// Values returns the arguments decoded, numbers as [json.Number], binary values as [Binary].
func (m Message) Values() ([]any, error) {
	vs := make([]any, len(m.Args))
	for i, a := range m.Args {
		dec := json.NewDecoder(bytes.NewReader(a))
		dec.UseNumber()
		if err := dec.Decode(&vs[i]); err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		if len(m.Attachments) == 0 {
			continue // a map that only looks like a placeholder is data
		}
		var err error
		if vs[i], err = m.resolve(vs[i]); err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
	}
	return vs, nil
}

// resolve puts the attachments in the place of their placeholders. The JSON decoder has bounded the depth.
func (m Message) resolve(v any) (any, error) {
	var err error
	switch t := v.(type) {
	case []any:
		for i := range t {
			if t[i], err = m.resolve(t[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if t["_placeholder"] == true {
			return m.attachment(t["num"])
		}
		for k := range t {
			if t[k], err = m.resolve(t[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func (m Message) attachment(num any) (Binary, error) {
	n, _ := num.(json.Number)
	i, err := n.Int64()
	if err != nil || i < 0 || i >= int64(len(m.Attachments)) {
		return nil, fmt.Errorf("%w: placeholder for attachment %v of %d", ErrProtocol, num, len(m.Attachments))
	}
	return m.Attachments[i], nil
}
