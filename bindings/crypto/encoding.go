package crypto

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

type base64Options struct {
	URL     bool `lua:"url" default:"false"`
	Padding bool `lua:"padding" default:"true"`
}

func (o base64Options) encoding() *base64.Encoding {
	enc := base64.StdEncoding
	if o.URL {
		enc = base64.URLEncoding
	}
	if !o.Padding {
		enc = enc.WithPadding(base64.NoPadding)
	}
	return enc.Strict()
}

func base64Encode(_ context.Context, data []byte, opts base64Options) (string, error) {
	if err := within(data); err != nil {
		return "", err
	}
	return opts.encoding().EncodeToString(data), nil
}

func base64Decode(_ context.Context, text string, opts base64Options) ([]byte, error) {
	if len(text) > base64.StdEncoding.EncodedLen(maxData) {
		return nil, bindings.Fail("limit", "%d bytes of base64 hold more than %d", len(text), maxData)
	}
	if at := strings.IndexAny(text, "\r\n"); at >= 0 { // which Go's decoder would pass over
		return nil, bindings.Fail("syntax", "byte %d: not base64", at+1)
	}
	data, err := opts.encoding().DecodeString(text)
	var at base64.CorruptInputError
	if errors.As(err, &at) {
		return nil, bindings.Fail("syntax", "byte %d: not base64", int64(at)+1)
	}
	return data, err
}

func hexEncode(_ context.Context, data []byte) (string, error) {
	if err := within(data); err != nil {
		return "", err
	}
	return hex.EncodeToString(data), nil
}

func hexDecode(_ context.Context, text string) ([]byte, error) {
	if len(text) > hex.EncodedLen(maxData) {
		return nil, bindings.Fail("limit", "%d hexadecimal digits hold more than %d bytes", len(text), maxData)
	}
	notDigit := func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }
	if at := strings.IndexFunc(text, notDigit); at >= 0 {
		return nil, bindings.Fail("syntax", "byte %d: not a hexadecimal digit", at+1)
	}
	if len(text)%2 != 0 {
		return nil, bindings.Fail("syntax", "an odd number of hexadecimal digits")
	}
	return hex.DecodeString(text)
}
