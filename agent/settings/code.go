package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"
)

const sharedCodeFile = "installer_code.shared.json"

// codeKeys are the two spellings of the enrollment code in the settings, the preferred one first.
var codeKeys = [...]string{"enrollment_code", "installer_code"}

// Code is an enrollment code with the file it came from. Only the file may be logged.
type Code struct {
	Text   string
	Source string
}

// String keeps the code out of what is printed.
func (c Code) String() string { return fmt.Sprintf("code(%q)", c.Source) }

// GoString is String.
func (c Code) GoString() string { return c.String() }

// LogValue is String.
func (c Code) LogValue() slog.Value { return slog.StringValue(c.String()) }

type sharedCode struct {
	Code      string   `json:"code"`
	Consumed  []string `json:"consumed"`
	UpdatedAt int64    `json:"updated_at"`
}

// EnrollmentCode looks for a code in the settings of suffix, the file shared by both processes, the other process's
// settings, the settings without suffix, and the older places of these. An empty Text says that there is none. A file
// that cannot be read is an error only if no other one has a code.
func (t *Tree) EnrollmentCode(suffix string) (Code, error) {
	var trouble []error
	take := func(path string) (Code, bool) {
		text, err := codeIn(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			trouble = append(trouble, err)
		}
		return Code{text, path}, text != ""
	}
	if code, ok := take(t.DocumentPath(suffix)); ok {
		return code, nil
	}
	shared, err := t.sharedCode()
	if err != nil {
		trouble = append(trouble, err)
	}
	if shared.Code != "" {
		return Code{shared.Code, t.file(sharedCodeFile)}, nil
	}
	for _, path := range t.codePlaces(suffix) {
		if code, ok := take(path); ok {
			return code, nil
		}
	}
	return Code{}, errors.Join(trouble...)
}

// SpendCode takes the code out of every file once the device of which suffix is a process is enrolled.
func (t *Tree) SpendCode(suffix string) error {
	var trouble []error
	for _, path := range append([]string{t.DocumentPath(suffix)}, t.codePlaces(suffix)...) {
		trouble = append(trouble, clearCode(path))
	}
	return errors.Join(append(trouble, t.spendShared(Suffix(suffix)))...)
}

// codePlaces are the settings files that may hold a code besides the process's own.
func (t *Tree) codePlaces(suffix string) []string {
	var paths []string
	for _, other := range []string{"SYSTEM", "CURRENTUSER"} {
		if other != Suffix(suffix) {
			paths = append(paths, t.documentIn(other))
		}
	}
	return append(paths, t.documentIn(""), t.legacy(documentName(suffix)), t.legacy(documentName("")))
}

func codeIn(path string) (string, error) {
	d, err := readDocument(path)
	if err != nil {
		return "", err
	}
	for _, key := range codeKeys {
		if text := d.Text(key); text != "" {
			return text, nil
		}
	}
	return "", nil
}

func clearCode(path string) error {
	text, err := codeIn(path)
	if text == "" {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	d, err := readDocument(path)
	if err != nil {
		return err
	}
	for _, key := range codeKeys {
		if _, ok := d[key]; ok {
			d[key] = json.RawMessage(`""`)
		}
	}
	return writeDocument(path, d)
}

func (t *Tree) sharedCode() (sharedCode, error) {
	data, err := readFile(t.file(sharedCodeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return sharedCode{}, nil
	}
	if err != nil {
		return sharedCode{}, fmt.Errorf("shared enrollment code: %w", err)
	}
	var s sharedCode
	if err := json.Unmarshal([]byte(trimText(string(data))), &s); err != nil {
		return sharedCode{}, fmt.Errorf("%s: %w", sharedCodeFile, err)
	}
	s.Code = trimText(s.Code)
	return s, nil
}

func (t *Tree) spendShared(suffix string) error {
	s, err := t.sharedCode()
	if err != nil || s.Code == "" {
		return err
	}
	if s.Code = ""; !slices.Contains(s.Consumed, suffix) {
		s.Consumed = append(s.Consumed, suffix)
	}
	s.UpdatedAt = t.now().Truncate(time.Second).Unix()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(t.file(sharedCodeFile), append(text, '\n'))
}
