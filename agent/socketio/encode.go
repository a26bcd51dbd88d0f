package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// hoistDepth bounds the nesting of arguments, so that a list that holds itself is an error and not a crash.
const hoistDepth = 1000

// reserved are the event names that the protocol's libraries keep for themselves; npm's ends the session over one.
var reserved = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

// encodeEvent encodes an event; id is noID when no acknowledgement is asked for.
func encodeEvent(namespace string, id int64, event string, args []any) ([]frame, error) {
	if slices.Contains(reserved, event) {
		return nil, fmt.Errorf("event %q: the name is reserved", event)
	}
	fs, err := encodeArgs(packet{kind: kindEvent, namespace: namespace, id: id}, append([]any{event}, args...))
	if err != nil {
		return nil, fmt.Errorf("event %q: %w", event, err)
	}
	return fs, nil
}

func encodeAck(namespace string, id int64, args []any) ([]frame, error) {
	fs, err := encodeArgs(packet{kind: kindAck, namespace: namespace, id: id}, args)
	if err != nil {
		return nil, fmt.Errorf("acknowledgement: %w", err)
	}
	return fs, nil
}

// encodeArgs completes p with its arguments; binary values among them make it the binary kind.
func encodeArgs(p packet, args []any) ([]frame, error) {
	for i, a := range args {
		v, err := hoist(a, &p.attached, 0)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		raw, err := encodeJSON(v)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i, err)
		}
		p.args = append(p.args, raw)
	}
	if p.expected = len(p.attached); p.expected > sendAttachments {
		return nil, fmt.Errorf("%w: %d binary values, at most %d", ErrTooLarge, p.expected, sendAttachments)
	}
	if p.expected > 0 {
		p.kind += kindBinaryEvent - kindEvent
	}
	return p.frames(), nil
}

// encodeJSON encodes v as it stands: no HTML escapes, the text of a [json.RawMessage] kept but for white space.
func encodeJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	if !utf8.Valid(b.Bytes()) { // a RawMessage is not checked by the encoder, and a websocket peer would hang up
		return nil, errors.New("not UTF-8")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// placeholder stands in the JSON for the attachment of that number.
type placeholder struct {
	Placeholder bool `json:"_placeholder"`
	Num         int  `json:"num"`
}

// hoist moves the binary values of v to attached and returns v with placeholders in their place.
func hoist(v any, attached *[][]byte, depth int) (any, error) {
	if depth > hoistDepth {
		return nil, fmt.Errorf("nested deeper than %d", hoistDepth)
	}
	var err error
	switch t := v.(type) {
	case Binary:
		*attached = append(*attached, t)
		return placeholder{true, len(*attached) - 1}, nil
	case []any:
		out := make([]any, len(t))
		for i := range t {
			if out[i], err = hoist(t[i], attached, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(t))
		for k := range t {
			if out[k], err = hoist(t[k], attached, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}
