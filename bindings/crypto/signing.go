package crypto

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// signingKey signs. Its secret stays in it: no method gives it, and no way of printing shows it.
type signingKey struct{ private ed25519.PrivateKey }

// Format says what it is, whatever the verb.
func (*signingKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "crypto.SigningKey") }

func signingKeyType() bindings.HandleType {
	return bindings.HandleType{Name: "crypto.SigningKey", Methods: map[string]bindings.Func{
		"sign":       {Do: sign},
		"public_key": {Do: verifyingKey},
	}}
}

func generateSigningKey(context.Context) (bindings.Handle, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return bindings.Handle{Type: "crypto.SigningKey", Value: &signingKey{private}}, err
}

func signingKeyFromSeed(_ context.Context, seed []byte) (bindings.Handle, error) {
	if len(seed) != ed25519.SeedSize {
		return bindings.Handle{}, bindings.Fail("invalid", "a seed has %d bytes, not %d", ed25519.SeedSize, len(seed))
	}
	return bindings.Handle{Type: "crypto.SigningKey", Value: &signingKey{ed25519.NewKeyFromSeed(seed)}}, nil
}

func sign(_ context.Context, key *signingKey, data []byte) ([]byte, error) {
	if err := within(data); err != nil {
		return nil, err
	}
	return ed25519.Sign(key.private, data), nil
}

func verifyingKey(_ context.Context, key *signingKey) ([]byte, error) {
	return key.private.Public().(ed25519.PublicKey), nil
}

type verifyOptions struct {
	Signature *[]byte `lua:"signature"`
}

func verify(_ context.Context, publicKey, data []byte, opts verifyOptions) (bool, error) {
	if opts.Signature == nil {
		return false, bindings.Misused("option signature: string expected, got nothing")
	}
	if len(publicKey) != ed25519.PublicKeySize {
		return false, bindings.Fail("invalid", "a public key has %d bytes, not %d", ed25519.PublicKeySize, len(publicKey))
	}
	if err := within(data); err != nil {
		return false, err
	}
	return ed25519.Verify(publicKey, data, *opts.Signature), nil
}
