package enginetest

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody is the largest request body that the Engine reads: its Socket.IO limit.
const maxBody = 100_000_000

// answer is what a handler wants said: a status, a JSON body, and after how long to come back (0: not said).
type answer struct {
	status int
	body   any
	retry  time.Duration
}

// object is a JSON object on its way out.
type object map[string]any

func ok(body object) answer { return answer{status: http.StatusOK, body: body} }

func refuse(status int, word string) answer {
	return answer{status: status, body: object{"error": word}}
}

// handler answers one request. An error is the Engine's own trouble: logged, and answered 500.
type handler func(r *http.Request) (answer, error)

func (a answer) write(w http.ResponseWriter) {
	text, err := json.Marshal(a.body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if a.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(a.retry.Seconds())))))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	w.Write(append(text, '\n'))
}

// body is a request's JSON object as it came in, numbers as text.
type body map[string]any

// readAny reads the body whatever its content type. What does not parse, or is no object, counts as {}.
func readAny(r *http.Request) body {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return body{}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var b body
	if decoder.Decode(&b) != nil || decoder.More() || b == nil {
		return body{}
	}
	return b
}

// readTyped reads the body only when it says that it is JSON, as some routes of the Engine do.
func readTyped(r *http.Request) body {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return body{}
	}
	return readAny(r)
}

// text is the trimmed string under key, empty when it is absent or something else.
func (b body) text(key string) string {
	s, _ := b[key].(string)
	return strings.TrimSpace(s)
}

// exact is the string under key as it came, empty when it is absent or something else.
func (b body) exact(key string) string {
	s, _ := b[key].(string)
	return s
}

// object is the object under key, nil when it is absent or something else.
func (b body) object(key string) body {
	m, _ := b[key].(map[string]any)
	return m
}

// number is the integer under key, also when it came as a text or as a whole float.
func (b body) number(key string) (int64, bool) {
	switch v := b[key].(type) {
	case json.Number:
		return parseWhole(v.String())
	case string:
		return parseWhole(strings.TrimSpace(v))
	}
	return 0, false
}

func parseWhole(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(math.Abs(f) <= 1<<53) { // NaN included
		return 0, false
	}
	return int64(f), true
}
