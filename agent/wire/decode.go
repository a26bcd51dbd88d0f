package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrTrailing says that more than one JSON value came where one was due.
var ErrTrailing = errors.New("more than one JSON value")

// Decode reads exactly one JSON value into v. Unknown fields are ignored; a number that lands in an untyped place
// keeps its text as a json.Number.
func Decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrTrailing
	}
	return nil
}

// Number is a number of the Engine that nothing vital hangs on: its text, or "" when what came was no number.
// It never fails to decode, so that one odd field cannot cost an answer that is sent only once.
type Number string

// UnmarshalJSON keeps the text of a number, also of a number in a string.
func (n *Number) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `" `)
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		text = ""
	}
	*n = Number(text)
	return nil
}

// MarshalJSON writes the number's own text, and null when there is none.
func (n Number) MarshalJSON() ([]byte, error) {
	if n == "" || !json.Valid([]byte(n)) {
		return []byte("null"), nil
	}
	return []byte(n), nil
}

// Duration is the number as so many units: 0 when it is missing, negative or not finite, and at most a year.
func (n Number) Duration(unit time.Duration) time.Duration {
	const year = 365 * 24 * time.Hour
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || math.IsNaN(f) || f <= 0 {
		return 0
	}
	if f *= float64(unit); f > float64(year) {
		return year
	}
	return time.Duration(f)
}

// Object is a JSON object whose values are still text. Its keys are matched exactly, unlike those of a Go struct,
// so what was checked under a name is what stands under that name.
type Object map[string]json.RawMessage

// FieldError says that a field is there, but not of the type that the contract gives it.
type FieldError struct {
	Field string
	Want  string
}

func (e *FieldError) Error() string { return fmt.Sprintf("field %q is not %s", e.Field, e.Want) }

// ParseObject reads one JSON object. Of a key that comes twice the last value stays, here and in all that is made
// from the Object.
func ParseObject(data []byte) (Object, error) {
	var o Object
	if err := Decode(data, &o); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if o == nil {
		return nil, errors.New("not a JSON object: null")
	}
	return o, nil
}

// Text is the string under key; a missing field and null are "".
func (o Object) Text(key string) (string, error) {
	raw, ok := o[key]
	if !ok || string(raw) == "null" {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", &FieldError{Field: key, Want: "a string"}
	}
	return s, nil
}

// Members is the object under key as text, nil when there is none or it is something else.
func (o Object) Members(key string) json.RawMessage {
	raw := bytes.TrimSpace(o[key])
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	return raw
}
