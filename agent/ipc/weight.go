package ipc

import "encoding/binary"

// valueBytes is what a decoded value takes at the least, besides the bytes that it came in: an empty list is one byte
// on the way and an interface to a slice at its end.
const valueBytes = 64

// weight estimates what a piece of CBOR takes in memory, from its heads alone. What is malformed weighs what was read of
// it, since it is not decoded.
func weight(b []byte) int {
	total := len(b)
	for len(b) > 0 {
		major, n := b[0]>>5, uint64(b[0]&0x1f)
		b = b[1:]
		if n >= 24 && n < 28 { // the number stands in the bytes that follow
			size := 1 << (n - 24)
			if len(b) < size {
				break
			}
			n = binary.BigEndian.Uint64(append(make([]byte, 8-size, 8), b[:size]...))
			b = b[size:]
		}
		if major == 2 || major == 3 { // bytes and text
			if n > uint64(len(b)) {
				break
			}
			b = b[n:]
		}
		total += valueBytes
	}
	return total
}
