package bindings

import (
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	callbackType = reflect.TypeFor[Callback]()
	anyType      = reflect.TypeFor[any]()
)

// decoder turns plain values (nil, bool, float64, string, []any, map[string]any, Ref, Callback) into Go's.
type decoder struct {
	// handle finds a handle's value by its reference.
	handle func(Ref) (any, error)
	// kinds names the handle types by the Go type of their values: nothing but a reference makes such a value.
	kinds map[reflect.Type]string
}

// into sets dst from v; where names the value in messages: "argument 1", "option timeout".
func (d decoder) into(dst reflect.Value, v any, where string) error {
	if ref, ok := v.(Ref); ok {
		return d.fromRef(dst, ref, where)
	}
	if kind, ok := d.kinds[dst.Type()]; ok {
		return mismatch(where, kind, v)
	}
	switch {
	case dst.Type() == durationType:
		return d.seconds(dst, v, where)
	case dst.Type() == callbackType:
		return d.callback(dst, v, where)
	case dst.Type() == anyType:
		if _, ok := v.(Callback); ok {
			return mismatch(where, "plain value", v)
		}
		if v != nil {
			dst.Set(reflect.ValueOf(v))
		}
		return nil
	}
	switch dst.Kind() {
	case reflect.Pointer:
		return d.pointer(dst, v, where)
	case reflect.Slice:
		return d.slice(dst, v, where)
	case reflect.Map:
		return d.mapping(dst, v, where)
	case reflect.Struct:
		return d.structure(dst, v, where)
	case reflect.Interface: // what only a handle's value can fill
		return mismatch(where, "handle", v)
	}
	return d.scalar(dst, v, where)
}

func (d decoder) fromRef(dst reflect.Value, ref Ref, where string) error {
	value, err := d.handle(ref)
	if err != nil {
		return err
	}
	have := reflect.TypeOf(value)
	if optional := dst.Type(); optional.Kind() == reflect.Pointer && have.AssignableTo(optional.Elem()) {
		dst.Set(reflect.New(optional.Elem()))
		dst = dst.Elem()
	}
	if !have.AssignableTo(dst.Type()) {
		return misuse("%s: a %s does not fit here", where, ref.Type)
	}
	dst.Set(reflect.ValueOf(value))
	return nil
}

func (d decoder) scalar(dst reflect.Value, v any, where string) error {
	switch dst.Kind() {
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			return mismatch(where, "boolean", v)
		}
		dst.SetBool(b)
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			return mismatch(where, "string", v)
		}
		dst.SetString(s)
	case reflect.Float64, reflect.Float32:
		n, ok := number(v)
		if !ok {
			return mismatch(where, "number", v)
		}
		dst.SetFloat(n)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return integer(dst, v, where)
	default:
		return fmt.Errorf("%s: %s cannot be an argument", where, dst.Type())
	}
	return nil
}

func integer(dst reflect.Value, v any, where string) error {
	n, ok := number(v)
	if !ok || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
		return mismatch(where, "whole number", v)
	}
	if dst.OverflowInt(int64(n)) {
		return misuse("%s: %v is too large", where, v)
	}
	dst.SetInt(int64(n))
	return nil
}

func (d decoder) seconds(dst reflect.Value, v any, where string) error {
	n, ok := number(v)
	if !ok || math.IsNaN(n) {
		return mismatch(where, "number of seconds", v)
	}
	if n < 0 || n > math.MaxInt64/float64(time.Second) {
		return misuse("%s: %v seconds is out of range", where, v)
	}
	dst.SetInt(int64(n * float64(time.Second)))
	return nil
}

func (d decoder) callback(dst reflect.Value, v any, where string) error {
	c, ok := v.(Callback)
	if !ok {
		return mismatch(where, "function", v)
	}
	dst.Set(reflect.ValueOf(c))
	return nil
}

func (d decoder) pointer(dst reflect.Value, v any, where string) error {
	if v == nil || v == (Null{}) {
		return nil
	}
	dst.Set(reflect.New(dst.Type().Elem()))
	return d.into(dst.Elem(), v, where)
}

func (d decoder) slice(dst reflect.Value, v any, where string) error {
	if dst.Type().Elem().Kind() == reflect.Uint8 {
		s, ok := v.(string)
		if !ok {
			return mismatch(where, "string", v)
		}
		dst.SetBytes([]byte(s))
		return nil
	}
	list, ok := v.([]any)
	if m, isMap := v.(map[string]any); isMap && len(m) == 0 {
		ok = true // an empty Lua table is an empty list too
	}
	if !ok {
		return mismatch(where, "list", v)
	}
	out := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, item := range list {
		if err := d.into(out.Index(i), item, fmt.Sprintf("%s[%d]", where, i+1)); err != nil {
			return err
		}
	}
	dst.Set(out)
	return nil
}

func (d decoder) mapping(dst reflect.Value, v any, where string) error {
	m, ok := v.(map[string]any)
	if l, isList := v.([]any); isList && len(l) == 0 {
		ok = true
	}
	if !ok {
		return mismatch(where, "table", v)
	}
	out := reflect.MakeMapWithSize(dst.Type(), len(m))
	for key, item := range m {
		elem := reflect.New(dst.Type().Elem()).Elem()
		if err := d.into(elem, item, where+"."+key); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(key).Convert(dst.Type().Key()), elem)
	}
	dst.Set(out)
	return nil
}

// structure fills an options struct: first its defaults, then what the table names. A name that the struct does
// not know is the author's mistake, and the nearest known one is offered.
func (d decoder) structure(dst reflect.Value, v any, where string) error {
	if err := d.defaults(dst); err != nil {
		return err
	}
	if l, isList := v.([]any); v == nil || isList && len(l) == 0 {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return mismatch(where, "table", v)
	}
	fields := tagged(dst.Type())
	for _, key := range sortedKeys(m) {
		index, known := fields[key]
		if !known {
			return misuse("unknown option %q%s", key, suggest(key, sortedKeys(fields)))
		}
		if err := d.into(dst.FieldByIndex(index), m[key], "option "+key); err != nil {
			return err
		}
	}
	return nil
}

// defaults fills in what the default tags say, in options within options too.
func (d decoder) defaults(dst reflect.Value) error {
	for name, index := range tagged(dst.Type()) {
		field, text := dst.FieldByIndex(index), dst.Type().FieldByIndex(index).Tag.Get("default")
		var err error
		switch {
		case text != "":
			err = d.into(field, literal(text), "default of "+name)
		case field.Kind() == reflect.Struct:
			err = d.defaults(field)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// literal reads the text of a default tag: a number, true, false, or else a string.
func literal(text string) any {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n
	}
	if b, err := strconv.ParseBool(text); err == nil {
		return b
	}
	return text
}

// tagged maps the Lua name of each field of a struct to its index.
func tagged(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("lua"); name != "" {
			fields[name] = f.Index
		}
	}
	return fields
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	}
	return 0, false
}

func mismatch(where, want string, got any) error {
	return misuse("%s: %s expected, got %s", where, want, kindOf(got))
}

// kindOf names a plain value's type in Lua's words.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64, int64, int:
		return "number"
	case []any, map[string]any:
		return "table"
	case Callback:
		return "function"
	case Null:
		return "null"
	}
	return "handle"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// suggest offers the nearest of the known names, when one is near.
func suggest(name string, known []string) string {
	best, least := "", len(name)/2+2
	for _, k := range known {
		if d := distance(strings.ToLower(name), k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return "; known: " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the edit distance of two short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
