package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/sys/windows"
)

// machineSealer seals with DPAPI, or with a key file when one is named.
func machineSealer(getenv func(string) string, machine func() (string, error)) Sealer {
	if path := getenv(sealKeyVar); path != "" {
		return &keySealer{file: func() (string, error) { return path, nil }, machine: machine}
	}
	return dpapi{machine}
}

// ownersOnly leaves the key file to the access list of its folder.
// SealKeyFile is nowhere: the system keeps what seals here.
func SealKeyFile(func(string) string) (string, error) { return "", nil }

func ownersOnly(fs.FileInfo) bool { return true }

// dpapi seals for the machine, not for one user: the SYSTEM and the CURRENTUSER process share the secrets.
type dpapi struct{ machine func() (string, error) }

// address is the envelope, still without a body, of what is sealed on this machine. The system keeps the key, so only
// the machine's mark says anything: DPAPI would open on a copied disk.
func (d dpapi) address() (envelope, error) {
	machine, err := d.machine()
	if err != nil {
		return envelope{}, err
	}
	sum := sha256.Sum256([]byte("borealis-agent machine mark\x00" + machine))
	return envelope{key: "dpapi", machine: hex.EncodeToString(sum[:4])}, nil
}

// Seal seals plain.
func (d dpapi) Seal(plain []byte) ([]byte, error) {
	e, err := d.address()
	if err != nil {
		return nil, err
	}
	var out windows.DataBlob
	err = windows.CryptProtectData(blob(plain), nil, nil, 0, nil,
		windows.CRYPTPROTECT_LOCAL_MACHINE|windows.CRYPTPROTECT_UI_FORBIDDEN, &out)
	if err != nil {
		return nil, err
	}
	e.body = take(out)
	return e.text(), nil
}

// Open opens what Seal made, a bare blob as upstream leaves it, and text that never was one, because upstream stores
// it plain when DPAPI fails.
func (d dpapi) Open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, errors.New("nothing sealed")
	}
	if enveloped(sealed) {
		return d.openEnvelope(sealed)
	}
	plain, err := unprotect(sealed)
	if err != nil && readable(sealed) {
		return sealed, nil
	}
	return plain, err
}

func (d dpapi) openEnvelope(sealed []byte) ([]byte, error) {
	e, err := parseEnvelope(sealed)
	if err != nil {
		return nil, err
	}
	here, err := d.address()
	switch {
	case err != nil:
		return nil, err
	case here.key != e.key:
		return nil, ErrSealKey
	case here.machine != e.machine:
		return nil, ErrCloned
	}
	plain, err := unprotect(e.body)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return plain, nil
}

// Current says whether sealed is in the form of now, on this machine.
func (d dpapi) Current(sealed []byte) bool {
	e, err := parseEnvelope(sealed)
	if err != nil || !enveloped(sealed) {
		return false
	}
	here, err := d.address()
	return err == nil && here.header() == e.header()
}

func unprotect(sealed []byte) ([]byte, error) {
	var out windows.DataBlob
	if err := windows.CryptUnprotectData(blob(sealed), nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, err
	}
	return take(out), nil
}

func blob(data []byte) *windows.DataBlob {
	if len(data) == 0 {
		return &windows.DataBlob{}
	}
	return &windows.DataBlob{Size: uint32(len(data)), Data: &data[0]}
}

// take copies what Windows allocated, and frees it.
func take(out windows.DataBlob) []byte {
	defer windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data))) //nolint:errcheck // nothing is left to do about it
	return append([]byte(nil), unsafe.Slice(out.Data, out.Size)...)
}

// readable says whether data is plain printable text: what upstream leaves in place of a sealed secret when its
// sealing failed.
func readable(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	for _, b := range data {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' {
			return false
		}
	}
	return true
}
