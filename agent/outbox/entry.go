package outbox

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// entry is one result as the file has it.
type entry struct {
	wire.Result
	At time.Time
}

// keySize is the sequence number that each value is filed under.
const keySize = 8

// errDamaged is told apart from errors of the operating system: it speaks of the file's content.
var errDamaged = errors.New("the file is damaged")

func encode(e entry) []byte { return pack(e.At, []string{e.ID, e.Role, e.Event}, e.Data) }

// decode reads what encode wrote. The result shares no memory with b, which may be a page of the file.
func decode(b []byte) (entry, error) {
	var e entry
	var err error
	e.At, e.Data, err = unpack(b, &e.ID, &e.Role, &e.Event)
	return e, err
}

// pack writes a checksum of all that follows, the time in nanoseconds, the texts with their lengths, and the data as it
// came. JSON would not do: it would rewrite the data's own text.
func pack(at time.Time, texts []string, data []byte) []byte {
	b := make([]byte, 4, 64+len(data))
	b = binary.AppendVarint(b, at.UnixNano())
	for _, s := range texts {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = append(b, data...)
	binary.BigEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

// unpack reads what pack wrote; data is a copy.
func unpack(b []byte, texts ...*string) (at time.Time, data []byte, err error) {
	if len(b) < 4 || binary.BigEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) {
		return at, nil, errDamaged
	}
	nanoseconds, n := binary.Varint(b[4:])
	if n <= 0 {
		return at, nil, errDamaged
	}
	b = b[4+n:]
	for _, s := range texts {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return at, nil, errDamaged
		}
		*s = string(b[n : n+int(size)])
		b = b[n+int(size):]
	}
	return time.Unix(0, nanoseconds), append([]byte(nil), b...), nil
}

// cost is what a value counts for in Options.MaxBytes.
func cost(value []byte) int64 { return int64(len(value) + keySize) }
