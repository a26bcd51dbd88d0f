package trial

import "github.com/bunny-lab-io/borealis-agent/bindings"

// decoded is what was emitted, as the role's tests compare it.
func decoded(text []byte) any {
	v, err := bindings.JSON{MaxBytes: len(text), Lossy: true}.Decode(text)
	if err != nil {
		return err.Error()
	}
	return v
}
