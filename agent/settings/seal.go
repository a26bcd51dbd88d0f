package settings

// Sealer keeps secrets at rest: Open gives back what Seal was given, and fails on anything else. It seals the
// device's private key and the refresh token.
//
// This is the seam for real sealing: the machine's Sealer is DPAPI on Windows, and elsewhere keeps the plain text
// under mode 0600, which is exactly upstream's form. The access token, good for 15 minutes, lies plain everywhere,
// as upstream's does.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
	Open(sealed []byte) ([]byte, error)
}

// Plain is the Sealer that leaves secrets as they are and trusts the file's permissions.
type Plain struct{}

// Seal gives plain back.
func (Plain) Seal(plain []byte) ([]byte, error) { return plain, nil }

// Open gives sealed back.
func (Plain) Open(sealed []byte) ([]byte, error) { return sealed, nil }
