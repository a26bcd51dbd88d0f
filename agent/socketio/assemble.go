package socketio

import "fmt"

// assembler joins a binary packet with the frames that follow it.
type assembler struct {
	max     int64 // bytes of one packet with its attachments
	size    int64
	pending *packet
}

// add takes one message frame, a text one without its Engine.IO byte. It reports whether p is complete.
func (a *assembler) add(f frame) (p packet, complete bool, err error) {
	if f.binary != (a.pending != nil) {
		return p, false, fmt.Errorf("%w: attachments out of step", ErrProtocol)
	}
	if !f.binary {
		if p, err = decodePacket(f.data); err != nil {
			return p, false, err
		}
		a.pending, a.size = &p, 0
	} else {
		a.pending.attached = append(a.pending.attached, f.data)
	}
	if a.size += int64(len(f.data)); a.size > a.max {
		return p, false, fmt.Errorf("%w: over %d bytes with its attachments", ErrTooLarge, a.max)
	}
	if len(a.pending.attached) < a.pending.expected {
		return p, false, nil
	}
	p, a.pending = *a.pending, nil
	return p, true, nil
}
