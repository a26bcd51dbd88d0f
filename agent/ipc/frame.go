package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// MaxFrame is the default cap on one frame in bytes: what a role may get or give at once, above the Engine's
// largest useful job and far below what a process can spare.
const MaxFrame = 128 << 20

// ErrFrame is a frame that breaks the rules: too large, or not what a frame holds.
var ErrFrame = errors.New("malformed frame")

type kind uint8

const (
	kindCall kind = iota + 1
	kindReply
	kindFailure
	kindCancel
)

// frame is one message. ID counts calls of the side that made the call.
type frame struct {
	ID   uint64          `cbor:"1,keyasint"`
	Kind kind            `cbor:"2,keyasint"`
	Name string          `cbor:"3,keyasint,omitempty"`
	Body cbor.RawMessage `cbor:"4,keyasint,omitempty"`

	weight int // of a frame that was read
}

// Codec turns values into bytes and back. Lua strings are bytes, so text is not required to be UTF-8.
type Codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// NewCodec makes a codec. Types listed in tags keep their type where the receiver asks for any value: each travels
// under its number.
func NewCodec(tags map[uint64]reflect.Type) (Codec, error) {
	set := cbor.NewTagSet()
	for number, t := range tags {
		opts := cbor.TagOptions{EncTag: cbor.EncTagRequired, DecTag: cbor.DecTagRequired}
		if err := set.Add(opts, t, number); err != nil {
			return Codec{}, fmt.Errorf("tag %d: %w", number, err)
		}
	}
	enc, err := cbor.EncOptions{Sort: cbor.SortBytewiseLexical}.EncModeWithTags(set)
	if err != nil {
		return Codec{}, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  256,
		MaxArrayElements: 1 << 21,
		MaxMapPairs:      1 << 21,
		IndefLength:      cbor.IndefLengthForbidden,
		IntDec:           cbor.IntDecConvertSignedOrFail,
		UTF8:             cbor.UTF8DecodeInvalid,
		DefaultMapType:   reflect.TypeFor[map[string]any](),
	}.DecModeWithTags(set)
	return Codec{enc, dec}, err
}

// write sends one frame as one write: four bytes of length, most significant first, then the frame.
func (c Codec) write(w io.Writer, f frame, limit int) error {
	body, err := c.enc.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	if len(body) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrFrame, len(body), limit)
	}
	whole := append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...)
	if _, err := w.Write(whole); err != nil { // a part may be out, so nothing can follow it
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

// read takes one frame. A length over the limit is refused before anything is allocated for it.
func (c Codec) read(r io.Reader, limit int) (frame, error) {
	var f frame
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if int64(n) > int64(limit) {
		return f, fmt.Errorf("%w: %d bytes, at most %d", ErrFrame, n, limit)
	}
	body, err := readExactly(r, int(n))
	if err != nil {
		return f, err
	}
	// Few bytes can be many values, so what they come to is bounded apart.
	if f.weight = weight(body); f.weight > maxWeight(limit) {
		return f, fmt.Errorf("%w: too many values in %d bytes", ErrFrame, n)
	}
	if err := c.dec.Unmarshal(body, &f); err != nil {
		return f, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if f.Kind < kindCall || f.Kind > kindCancel {
		return f, fmt.Errorf("%w: kind %d", ErrFrame, f.Kind)
	}
	return f, nil
}

// maxWeight is what the frames of one side may come to in memory: one, and the calls that are under way together.
func maxWeight(maxFrame int) int { return 2 * maxFrame }

// readExactly grows with what really arrives, so that a length alone costs no memory.
func readExactly(r io.Reader, n int) ([]byte, error) {
	const step = 1 << 20
	body := make([]byte, 0, min(n, step))
	for len(body) < n {
		start := len(body)
		body = append(body, make([]byte, min(n-start, step))...)
		if _, err := io.ReadFull(r, body[start:]); err != nil {
			return nil, errors.Join(ErrFrame, err)
		}
	}
	return body, nil
}
