// Package crypto is the Lua module crypto: digests, derived keys, random bytes, encodings, signatures and sealed boxes.
// It promises that a key, once it is a handle, never gives its secret back, and it offers nothing that has to be put
// together rightly to be safe, such as bare block ciphers. The device's own identity is not within its reach.
package crypto

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const (
	// maxData is the most that one call takes.
	maxData = 16 << 20
	// maxRandom is the most that one call gives: secrets are short.
	maxRandom = 64 << 10
)

//go:embed crypto.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{
	Name: "crypto", Face: face, Pure: true, Open: open,
	Handles: []bindings.HandleType{signingKeyType(), exchangeKeyType()},
}

func open(bindings.Host) (*bindings.Instance, error) {
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"digest":                {Do: digest},
		"hmac":                  {Do: mac},
		"hkdf":                  {Do: derive},
		"random_bytes":          {Do: randomBytes},
		"constant_time_equal":   {Do: constantTimeEqual},
		"base64_encode":         {Do: base64Encode},
		"base64_decode":         {Do: base64Decode},
		"hex_encode":            {Do: hexEncode},
		"hex_decode":            {Do: hexDecode},
		"generate_signing_key":  {Do: generateSigningKey},
		"signing_key_from_seed": {Do: signingKeyFromSeed},
		"verify":                {Do: verify},
		"generate_exchange_key": {Do: generateExchangeKey},
		"seal":                  {Do: seal},
	}}, nil
}

// randomBytes asks the system. Since Go 1.26 the keys of the standard library do so too, whatever reader they are
// given, so that none comes in through a field here.
func randomBytes(_ context.Context, n int) ([]byte, error) {
	if n < 0 || n > maxRandom {
		return nil, bindings.Misused("argument 1: %d is not between 0 and %d", n, maxRandom)
	}
	out := make([]byte, n)
	_, err := rand.Read(out)
	return out, err
}

func constantTimeEqual(_ context.Context, a, b []byte) (bool, error) {
	return subtle.ConstantTimeCompare(a, b) == 1, nil
}

// within holds data to what one call takes.
func within(parts ...[]byte) error {
	for _, part := range parts {
		if len(part) > maxData {
			return bindings.Fail("limit", "%d bytes are more than %d", len(part), maxData)
		}
	}
	return nil
}
