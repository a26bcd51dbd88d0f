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

// encode writes a checksum of all that follows, the time in nanoseconds, three strings with their lengths, and the
// data as it came. JSON would not do: it would rewrite the data's own text.
func encode(e entry) []byte {
	b := make([]byte, 4, 64+len(e.ID)+len(e.Role)+len(e.Event)+len(e.Data))
	b = binary.AppendVarint(b, e.At.UnixNano())
	for _, s := range []string{e.ID, e.Role, e.Event} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = append(b, e.Data...)
	binary.BigEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

// decode reads what encode wrote. The result shares no memory with b, which may be a page of the file.
func decode(b []byte) (entry, error) {
	if len(b) < 4 || binary.BigEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) {
		return entry{}, errDamaged
	}
	at, n := binary.Varint(b[4:])
	if n <= 0 {
		return entry{}, errDamaged
	}
	b = b[4+n:]
	e := entry{At: time.Unix(0, at)}
	for _, s := range []*string{&e.ID, &e.Role, &e.Event} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return entry{}, errDamaged
		}
		*s = string(b[n : n+int(size)])
		b = b[n+int(size):]
	}
	e.Data = append(e.Data, b...)
	return e, nil
}

// cost is what a value counts for in Options.MaxBytes.
func cost(value []byte) int64 { return int64(len(value) + keySize) }
