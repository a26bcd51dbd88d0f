package settings

import (
	"errors"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/sys/windows"
)

func machineSealer() Sealer { return dpapi{} }

// dpapi seals for the machine, not for one user: the SYSTEM and the CURRENTUSER process share the secrets.
type dpapi struct{}

func (dpapi) Seal(plain []byte) ([]byte, error) {
	var out windows.DataBlob
	err := windows.CryptProtectData(blob(plain), nil, nil, 0, nil,
		windows.CRYPTPROTECT_LOCAL_MACHINE|windows.CRYPTPROTECT_UI_FORBIDDEN, &out)
	if err != nil {
		return nil, err
	}
	return take(out), nil
}

// Open opens a blob; text that never was one is given back, because upstream stores it plain when DPAPI fails.
func (dpapi) Open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, errors.New("nothing sealed")
	}
	var out windows.DataBlob
	err := windows.CryptUnprotectData(blob(sealed), nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out)
	if err == nil {
		return take(out), nil
	}
	if readable(sealed) {
		return sealed, nil
	}
	return nil, err
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
