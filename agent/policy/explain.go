package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// explain gives a decoder's error a line, and an unknown key the known one that it was perhaps meant to be.
func explain(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var all []error
		for i := range unknown.Errors {
			all = append(all, explainKey(&unknown.Errors[i]))
		}
		return errors.Join(all...)
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

func explainKey(e *toml.DecodeError) error {
	line, _ := e.Position()
	key := e.Key()
	word, known := key[0], []string{"allow_all", "roles"}
	if word == "roles" && len(key) > 1 {
		word, known = key[len(key)-1], []string{"allow"}
	}
	return fmt.Errorf("line %d: unknown key %q: did you mean %q?", line, word, nearest(word, known))
}

// nearest is the word that begins most like the given one: enough for the few keys that there are.
func nearest(word string, known []string) string {
	best, most := known[0], 0
	for _, k := range known {
		n := 0
		for n < len(k) && n < len(word) && strings.EqualFold(k[n:n+1], word[n:n+1]) {
			n++
		}
		if n > most {
			best, most = k, n
		}
	}
	return best
}
