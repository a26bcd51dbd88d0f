package enginetest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// crypto/rand.Read does not fail: since Go 1.24 it ends the process instead.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// randomToken is n random bytes in the URL-safe alphabet, unpadded.
func randomToken(n int) string { return base64.RawURLEncoding.EncodeToString(randomBytes(n)) }

// newUUID is a lower-case UUIDv4.
func newUUID() string {
	b := randomBytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newGUID is a device's identity as the Engine writes it: upper case.
func newGUID() string { return strings.ToUpper(newUUID()) }

// newCode is an enrollment code: 16 random bytes as eight groups of four hex digits.
func newCode() string {
	digits := strings.ToUpper(hex.EncodeToString(randomBytes(16)))
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = digits[4*i : 4*i+4]
	}
	return strings.Join(groups, "-")
}
