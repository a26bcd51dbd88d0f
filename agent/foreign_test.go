package main_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
)

// foreign signs a script with a key that no Engine has.
func foreign(script []byte) (key, signature string) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	spki, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(spki), base64.StdEncoding.EncodeToString(ed25519.Sign(private, script))
}
