package bindings

import (
	"fmt"
	"reflect"
	"time"
)

// Ref stands for a handle where only plain values travel: the number under which the core keeps it.
type Ref struct {
	ID   uint64 `cbor:"1,keyasint"`
	Type string `cbor:"2,keyasint"`
}

// Null is JSON's null where Lua's nil cannot stand: inside a list, or as a value that must be sent. Roles meet it as
// json.null.
type Null struct{}

// MarshalJSON writes null.
func (Null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// MarshalCBOR writes null.
func (Null) MarshalCBOR() ([]byte, error) { return []byte{0xf6}, nil }

// encoder turns a function's result into plain values.
type encoder struct {
	// keep stores a handle and gives its reference.
	keep func(Handle) (Ref, error)
}

func (e encoder) plain(v reflect.Value) (any, error) {
	if !v.IsValid() {
		return nil, nil
	}
	switch x := v.Interface().(type) {
	case Handle:
		return e.keep(x)
	case Ref, Null:
		return x, nil
	case []byte:
		return string(x), nil
	case time.Duration:
		return x.Seconds(), nil
	case time.Time:
		return float64(x.Unix()) + float64(x.Nanosecond())/float64(time.Second), nil // UnixNano ends in 2262
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, nil
		}
		return e.plain(v.Elem())
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	}
	return e.composite(v)
}

func (e encoder) composite(v reflect.Value) (any, error) {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			item, err := e.plain(v.Index(i))
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			break
		}
		table := make(map[string]any, v.Len())
		for iter := v.MapRange(); iter.Next(); {
			item, err := e.plain(iter.Value())
			if err != nil {
				return nil, err
			}
			table[iter.Key().String()] = item
		}
		return table, nil
	case reflect.Struct:
		return e.structure(v)
	}
	return nil, fmt.Errorf("%s cannot be a result", v.Type())
}

func (e encoder) structure(v reflect.Value) (any, error) {
	table := map[string]any{}
	for name, index := range tagged(v.Type()) {
		item, err := e.plain(v.FieldByIndex(index))
		if err != nil {
			return nil, err
		}
		if item != nil {
			table[name] = item
		}
	}
	return table, nil
}

// Plain turns a Go value without handles into the plain values that travel: nil, bool, float64, string, []any and
// map[string]any.
func Plain(v any) (any, error) {
	e := encoder{keep: func(h Handle) (Ref, error) { return Ref{}, fmt.Errorf("a %s cannot travel here", h.Type) }}
	return e.plain(reflect.ValueOf(v))
}

// PlainArgs makes each of a call's arguments plain.
func PlainArgs(args []any) ([]any, error) {
	plain := make([]any, len(args))
	for i, arg := range args {
		value, err := Plain(arg)
		if err != nil {
			return nil, err
		}
		plain[i] = value
	}
	return plain, nil
}
