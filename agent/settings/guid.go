package settings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	guidFile    = "Agent_GUID.txt"
	oldGUIDFile = "guid.txt" // its name in older trees
)

// ErrNotGUID says that a text is no GUID of 32 hexadecimal digits in five groups.
var ErrNotGUID = errors.New("not a GUID")

// GUID is the device's GUID in upper case, "" when there is none yet.
func (t *Tree) GUID() (string, error) {
	text, err := readText(t.file(guidFile))
	if text == "" && err == nil {
		text, err = readText(t.file(oldGUIDFile))
	}
	if err != nil {
		return "", fmt.Errorf("device GUID: %w", err)
	}
	if text == "" {
		return "", nil
	}
	guid, err := ParseGUID(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w; restore the file, or delete it and enroll again", guidFile, err)
	}
	return guid, nil
}

// SaveGUID keeps the GUID that the Engine gave the device.
func (t *Tree) SaveGUID(text string) error {
	guid, err := ParseGUID(text)
	if err != nil {
		return fmt.Errorf("device GUID: %w", err)
	}
	return writeFile(t.file(guidFile), []byte(guid))
}

// EnsureGUID is the device's GUID; when there is none, it makes a local one from random, which serves in the agent id
// until the Engine gives its own. Two processes that start together make one.
func (t *Tree) EnsureGUID(ctx context.Context, random io.Reader) (string, error) {
	if guid, err := t.GUID(); guid != "" || err != nil {
		return guid, err
	}
	unlock, err := t.Lock(ctx, LockGUID)
	if err != nil {
		return "", err
	}
	defer unlock()
	if guid, err := t.GUID(); guid != "" || err != nil {
		return guid, err
	}
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("device GUID: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 9562
	guid := fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	return guid, t.SaveGUID(guid)
}

// ParseGUID is the upper-case form of a GUID; braces, a byte order mark and blanks around it are let through.
func ParseGUID(text string) (string, error) {
	guid := strings.ToUpper(strings.Trim(trimText(text), "{}"))
	if len(guid) != 36 {
		return "", ErrNotGUID
	}
	for i := range len(guid) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if hex := strings.IndexByte("0123456789ABCDEF", guid[i]) >= 0; (dash && guid[i] != '-') || (!dash && !hex) {
			return "", ErrNotGUID
		}
	}
	return guid, nil
}
