package settings

import "errors"

// Sealer keeps secrets at rest: the device's private key, the refresh token and the access token.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
	// Open gives back what Seal was given. What upstream's agent has left, plain or sealed its own way, is let through.
	Open(sealed []byte) ([]byte, error)
	// Current says whether sealed is what Seal makes now. What is not, wants to be opened and sealed again.
	Current(sealed []byte) bool
}

// The ways in which a sealed secret does not open. Each names its mend.
var (
	// ErrCloned says that a secret was sealed under another machine id.
	ErrCloned = errors.New("sealed on another machine: this one is a copy of it, or its machine id has changed; " +
		"put the old machine id back, or delete the Identity folder, refresh.token and access.jwt to enroll this machine as a device of its own")
	// ErrSealKey says that a secret was sealed with a key that is not here.
	ErrSealKey = errors.New("sealed with a key that is not here; put the key file back from a backup, " +
		"or delete what it had sealed and enroll again")
	// ErrDamaged says that a sealed secret is not whole.
	ErrDamaged = errors.New("damaged; put it back from a backup, or delete it and enroll again")
)

// Plain is the Sealer that leaves secrets as they are and trusts the file's permissions.
type Plain struct{}

// Seal gives plain back.
func (Plain) Seal(plain []byte) ([]byte, error) { return plain, nil }

// Open gives sealed back.
func (Plain) Open(sealed []byte) ([]byte, error) { return sealed, nil }

// Current is always true.
func (Plain) Current([]byte) bool { return true }
