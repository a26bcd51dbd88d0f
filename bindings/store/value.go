package store

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// codec carries plain values to bytes and back. The form is CBOR and not JSON, because Lua's strings are bytes.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCodec() (codec, error) {
	enc, err := cbor.EncOptions{
		Sort: cbor.SortBytewiseLexical, ShortestFloat: cbor.ShortestFloat16, // the same value has the same bytes
	}.EncMode()
	if err != nil {
		return codec{}, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  bindings.MaxJSONDepth + 2,
		MaxArrayElements: bindings.MaxJSONValues,
		MaxMapPairs:      bindings.MaxJSONValues,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		IntDec:           cbor.IntDecConvertSignedOrFail,
		UTF8:             cbor.UTF8DecodeInvalid,
		DefaultMapType:   reflect.TypeFor[map[string]any](),
	}.DecMode()
	return codec{enc, dec}, err
}

// jsonPerByte is how many bytes of JSON, at most, bindings.JSON counts for one byte of what it would be here: five for
// a false, and a comma.
const jsonPerByte = 6

// encode refuses what JSON refuses, save for strings that are not UTF-8, and a value that is none.
func (c codec) encode(value any) ([]byte, error) {
	if value == nil || value == (bindings.Null{}) {
		return nil, bindings.Misused("argument 2: there is no value; store.delete removes a key")
	}
	err := bindings.JSON{MaxBytes: jsonPerByte * maxValue, Lossy: true}.Check(value)
	var failed *bindings.Error
	if errors.As(err, &failed) {
		return nil, bindings.Fail("too_large", "the value: %w", errTooLarge)
	}
	if err != nil {
		return nil, err
	}
	raw, err := c.enc.Marshal(value)
	if err == nil && len(raw) > maxValue {
		err = bindings.Fail("too_large", "the value: %w", errTooLarge)
	}
	return raw, err
}

var errTooLarge = fmt.Errorf("more than %d bytes as it is kept, %d levels or %d values within it: keep large things as files",
	maxValue, bindings.MaxJSONDepth, bindings.MaxJSONValues)

func (c codec) decode(raw []byte) (any, error) {
	var v any
	if err := c.dec.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return settle(v), nil
}

// settle makes decoded values plain by the rules of bindings.JSON: null holds a place in a list, and is nothing in an
// object.
func settle(v any) any {
	switch x := v.(type) {
	case []any:
		for i, item := range x {
			if x[i] = settle(item); item == nil {
				x[i] = bindings.Null{}
			}
		}
	case map[string]any:
		for key, item := range x {
			if x[key] = settle(item); item == nil {
				delete(x, key)
			}
		}
	case int64:
		return float64(x)
	}
	return v
}
