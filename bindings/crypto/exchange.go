package crypto

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"golang.org/x/crypto/nacl/box"
)

// exchangeKey agrees on keys and opens what was sealed for it. Its secret stays in it, and so does the shared secret:
// only what is derived from that comes out.
type exchangeKey struct{ private *ecdh.PrivateKey }

// Format says what it is, whatever the verb.
func (*exchangeKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "crypto.ExchangeKey") }

func exchangeKeyType() bindings.HandleType {
	return bindings.HandleType{Name: "crypto.ExchangeKey", Methods: map[string]bindings.Func{
		"public_key": {Do: exchangePublicKey},
		"derive":     {Do: agree},
		"open":       {Do: unseal},
	}}
}

func generateExchangeKey(context.Context) (bindings.Handle, error) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	return bindings.Handle{Type: "crypto.ExchangeKey", Value: &exchangeKey{private}}, err
}

func exchangePublicKey(_ context.Context, key *exchangeKey) ([]byte, error) {
	return key.private.PublicKey().Bytes(), nil
}

func agree(ctx context.Context, key *exchangeKey, peer []byte, length int, opts hkdfOptions) ([]byte, error) {
	secret, err := shared(key.private, peer)
	if err != nil {
		return nil, err
	}
	return derive(ctx, secret, length, opts)
}

// shared refuses the few public keys that give everybody the same secret.
func shared(private *ecdh.PrivateKey, peer []byte) ([]byte, error) {
	public, err := ecdh.X25519().NewPublicKey(peer)
	if err != nil {
		return nil, bindings.Fail("invalid", "a public key has 32 bytes, not %d", len(peer))
	}
	secret, err := private.ECDH(public)
	if err != nil {
		return nil, bindings.Fail("invalid", "the public key is of low order: it keeps no secret")
	}
	return secret, nil
}

func seal(_ context.Context, publicKey, data []byte) ([]byte, error) {
	if err := within(data); err != nil {
		return nil, err
	}
	probe, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if _, err := shared(probe, publicKey); err != nil { // which box would take
		return nil, err
	}
	return box.SealAnonymous(nil, data, (*[32]byte)(publicKey), rand.Reader)
}

func unseal(_ context.Context, key *exchangeKey, sealed []byte) ([]byte, error) {
	if len(sealed) > maxData+box.AnonymousOverhead {
		return nil, bindings.Fail("limit", "%d bytes are more than %d", len(sealed), maxData+box.AnonymousOverhead)
	}
	public, private := key.private.PublicKey().Bytes(), key.private.Bytes()
	data, ok := box.OpenAnonymous(nil, sealed, (*[32]byte)(public), (*[32]byte)(private))
	if !ok {
		return nil, bindings.Fail("invalid", "the box was not sealed for this key, or was changed")
	}
	return data, nil
}
