package socketio

import (
	"bytes"
	"encoding/base64"
	"fmt"
)

// The packets of Engine.IO revision 4, by the byte that starts a text frame.
const (
	engineOpen    = '0'
	engineClose   = '1'
	enginePing    = '2'
	enginePong    = '3'
	engineMessage = '4'
	engineUpgrade = '5'
	engineNoop    = '6'
)

// pong is the answer to a ping.
const pong = string(enginePong)

const (
	// separator stands between the packets of a polling payload.
	separator = '\x1e'
	// payloadFrames is how many packets a polling payload may hold: python-engineio refuses more than 16.
	payloadFrames = 16
	// payloadBatch is the size past which nothing more is added to a polling payload.
	payloadBatch = 100_000
)

// frame is one Engine.IO packet: text that starts with its kind, or the bytes of a binary message.
type frame struct {
	binary bool
	data   []byte
}

func text(s string) frame { return frame{data: []byte(s)} }

// is reports whether f is the text s.
func (f frame) is(s string) bool { return !f.binary && string(f.data) == s }

// kind returns the byte that says what a text frame is.
func (f frame) kind() (byte, error) {
	if len(f.data) == 0 {
		return 0, fmt.Errorf("%w: empty frame", ErrProtocol)
	}
	return f.data[0], nil
}

// polled returns the frame's size in a polling payload.
func (f frame) polled() int64 {
	if f.binary {
		return int64(1 + base64.StdEncoding.EncodedLen(len(f.data)))
	}
	return int64(len(f.data))
}

func size(fs []frame) (n int64) {
	for _, f := range fs {
		n += int64(len(f.data))
	}
	return n
}

// encodePayload joins frames into the body of a polling request or answer.
func encodePayload(fs []frame) []byte {
	var n int64
	for _, f := range fs {
		n += f.polled() + 1
	}
	b := make([]byte, 0, n)
	for i, f := range fs {
		if i > 0 {
			b = append(b, separator)
		}
		if f.binary {
			b = base64.StdEncoding.AppendEncode(append(b, 'b'), f.data)
		} else {
			b = append(b, f.data...)
		}
	}
	return b
}

// decodePayload splits the body of a polling request or answer. An empty one holds no frame.
func decodePayload(b []byte) ([]frame, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var fs []frame
	for part := range bytes.SplitSeq(b, []byte{separator}) {
		if len(part) == 0 || part[0] != 'b' {
			fs = append(fs, frame{data: part})
			continue
		}
		d, err := base64.StdEncoding.AppendDecode(nil, part[1:])
		if err != nil {
			return nil, fmt.Errorf("%w: binary frame: %w", ErrProtocol, err)
		}
		fs = append(fs, frame{binary: true, data: d})
	}
	return fs, nil
}

// payloads cuts frames into runs that each fit one polling request: at most payloadFrames, at most limit bytes
// unless a frame alone is larger.
func payloads(fs []frame, limit int64) [][]frame {
	var runs [][]frame
	start, n := 0, int64(0)
	for i, f := range fs {
		if i > start && (i-start == payloadFrames || n+1+f.polled() > limit) {
			runs = append(runs, fs[start:i])
			start, n = i, 0
		}
		n += 1 + f.polled()
	}
	return append(runs, fs[start:])
}
