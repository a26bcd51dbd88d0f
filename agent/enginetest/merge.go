package enginetest

import (
	"encoding/json"
	"maps"
	"strings"
)

// merge lays news over old, deep: what is empty in news never erases, a list replaces a list.
func merge(old, news map[string]any) map[string]any {
	out := maps.Clone(old)
	if out == nil {
		out = map[string]any{}
	}
	for key, value := range news {
		if blank(value) {
			continue
		}
		before, wasObject := out[key].(map[string]any)
		after, isObject := value.(map[string]any)
		if wasObject && isObject {
			value = merge(before, after)
		}
		out[key] = value
	}
	return out
}

// blank tells what never erases a stored value. false and 0 are values.
func blank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// mergeText is merge on a stored JSON object.
func mergeText(stored string, news body) (string, error) {
	old, err := parseObject(stored)
	if err != nil {
		return "", err
	}
	return string(body(merge(old, news)).json()), nil
}

func parseObject(text string) (body, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	b := body{}
	err := decoder.Decode(&b)
	return b, err
}

// json encodes what was decoded from JSON, or built of plain values, which always works.
func (b body) json() json.RawMessage {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	return text
}

// set keeps a text unless it is empty.
func (b body) set(key, text string) {
	if text != "" {
		b[key] = text
	}
}
