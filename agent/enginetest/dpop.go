package enginetest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// dpopSkew is how far a proof's iat may be from the Engine's clock, either way.
const dpopSkew = 300 * time.Second

// proofClaims is what a DPoP proof says.
type proofClaims struct {
	Method string `json:"htm"`
	URL    string `json:"htu"`
	ID     string `json:"jti"`
	Access string `json:"ath"`
	jwt.RegisteredClaims
}

// checkDPoP checks a DPoP header, if one was sent, and gives the word for what is wrong with it. A missing proof is
// fine: the Engine of this period does not enforce the binding. access is empty where no access token takes part.
func (e *Engine) checkDPoP(r *http.Request, access string) string {
	header := r.Header.Get("DPoP")
	if header == "" {
		return ""
	}
	var c proofClaims
	_, err := jwt.ParseWithClaims(header, &c, proofKey,
		jwt.WithValidMethods([]string{"EdDSA", "ES256", "ES384", "ES512"}), jwt.WithoutClaimsValidation())
	if err != nil || c.ID == "" || c.IssuedAt == nil || !strings.EqualFold(c.Method, r.Method) || c.URL != requestURL(r) {
		return "dpop_invalid"
	}
	if math.Abs(e.now().Sub(c.IssuedAt.Time).Seconds()) > dpopSkew.Seconds() {
		return "dpop_invalid"
	}
	sum := sha256.Sum256([]byte(access))
	if c.Access != "" && access != "" && c.Access != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return "dpop_invalid"
	}
	if !e.dpops.use(c.ID) {
		return "dpop_replayed"
	}
	return ""
}

// requestURL is the URL as the Engine sees it behind one proxy hop.
func requestURL(r *http.Request) string {
	scheme, host := "https", r.Host
	if s := r.Header.Get("X-Forwarded-Proto"); s != "" {
		scheme = s
	}
	if h := r.Header.Get("X-Forwarded-Host"); h != "" {
		host = h
	}
	return scheme + "://" + host + r.URL.RequestURI()
}

// proofKey reads the public key that a proof brings along in its header.
func proofKey(t *jwt.Token) (any, error) {
	text, err := json.Marshal(t.Header["jwk"])
	if err != nil {
		return nil, err
	}
	var key struct {
		Kind  string `json:"kty"`
		Curve string `json:"crv"`
		X, Y  string
	}
	if err := json.Unmarshal(text, &key); err != nil {
		return nil, err
	}
	x, errX := base64.RawURLEncoding.DecodeString(key.X)
	y, errY := base64.RawURLEncoding.DecodeString(key.Y)
	if err := errors.Join(errX, errY); err != nil {
		return nil, err
	}
	if key.Curve == "Ed25519" && len(x) == ed25519.PublicKeySize {
		return ed25519.PublicKey(x), nil
	}
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve, known := curves[key.Curve]
	if !known {
		return nil, errors.New("unknown curve")
	}
	return ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
}
