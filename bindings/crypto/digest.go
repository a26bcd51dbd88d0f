package crypto

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

type newHash = func() hash.Hash

// hashes are those that keyed uses may take.
func hashes() map[string]newHash {
	return map[string]newHash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New, "sha1": sha1.New}
}

func keyed(algorithm string) (newHash, error) {
	if h, ok := hashes()[algorithm]; ok {
		return h, nil
	}
	return nil, bindings.Misused("option algorithm: %q is none of sha256, sha384, sha512, sha1", algorithm)
}

type digestOptions struct {
	Raw bool `lua:"raw" default:"false"`
}

func digest(_ context.Context, algorithm string, data []byte, opts digestOptions) (string, error) {
	h, ok := hashes()[algorithm]
	if algorithm == "md5" {
		h, ok = md5.New, true
	}
	if !ok {
		return "", bindings.Misused("argument 1: %q is none of sha256, sha384, sha512, sha1, md5", algorithm)
	}
	if err := within(data); err != nil {
		return "", err
	}
	sum := h()
	sum.Write(data)
	return shown(sum.Sum(nil), opts.Raw), nil
}

// shown is a digest as it was asked for: as bytes or as hex.
func shown(sum []byte, raw bool) string {
	if raw {
		return string(sum)
	}
	return hex.EncodeToString(sum)
}

type hmacOptions struct {
	Algorithm string `lua:"algorithm" default:"sha256"`
	Raw       bool   `lua:"raw" default:"false"`
}

func mac(_ context.Context, key, data []byte, opts hmacOptions) (string, error) {
	h, err := keyed(opts.Algorithm)
	if err != nil {
		return "", err
	}
	if err := within(key, data); err != nil {
		return "", err
	}
	sum := hmac.New(h, key)
	sum.Write(data)
	return shown(sum.Sum(nil), opts.Raw), nil
}

type hkdfOptions struct {
	Salt      []byte `lua:"salt"`
	Info      []byte `lua:"info"`
	Algorithm string `lua:"algorithm" default:"sha256"`
}

func derive(_ context.Context, secret []byte, length int, opts hkdfOptions) ([]byte, error) {
	h, err := keyed(opts.Algorithm)
	if err != nil {
		return nil, err
	}
	if most := 255 * h().Size(); length < 1 || length > most {
		return nil, bindings.Misused("argument 2: %d bytes are not between 1 and %d", length, most)
	}
	if err := within(secret, opts.Salt, opts.Info); err != nil {
		return nil, err
	}
	return hkdf.Key(h, secret, opts.Salt, string(opts.Info), length)
}
