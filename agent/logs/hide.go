package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

const (
	maxHidden   = 256 // secrets that are hidden at a time, the last ones
	leastHidden = 6   // bytes: to hide what is shorter would leave nothing of a line to read
)

// Hide masks secrets wherever they stand in a line from now on, whatever they are called there: the values of a job's
// credentials, which whoever handles the job may log. Only the last 256 are kept, and none of fewer than six bytes.
func (l *Logs) Hide(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, secret := range secrets {
		if len(secret) < leastHidden || slices.ContainsFunc(l.hidden, func(h hidden) bool { return string(h[0]) == secret }) {
			continue
		}
		if l.hidden = append(l.hidden, forms(secret)); len(l.hidden) > maxHidden {
			l.hidden = slices.Delete(l.hidden, 0, 1)
		}
	}
}

// hidden is a secret in each form in which a line may have it, first as it is.
type hidden [][]byte

// forms are a secret as it is, in JSON, in JSON that minds HTML, and each of these within quotes.
func forms(secret string) (all hidden) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	html, err := json.Marshal(secret)
	if err := errors.Join(err, enc.Encode(secret)); err != nil { // no text fails
		return hidden{[]byte(secret)}
	}
	for _, form := range []string{secret, inside(strings.TrimSpace(plain.String())), inside(string(html))} {
		for _, f := range []string{form, inside(strconv.Quote(form))} {
			if !slices.ContainsFunc(all, func(known []byte) bool { return string(known) == f }) {
				all = append(all, []byte(f))
			}
		}
	}
	return all
}

// inside is a quoted text without its quotes.
func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

// concealLocked masks the hidden secrets in a line's body.
func (l *Logs) concealLocked(body []byte) []byte {
	for _, secret := range l.hidden {
		for _, form := range secret {
			body = bytes.ReplaceAll(body, form, []byte(masked))
		}
	}
	return body
}
