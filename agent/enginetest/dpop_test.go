package enginetest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// prove makes a DPoP proof for a call of p and lets change spoil it.
func (p *probe) prove(method jwt.SigningMethod, key any, jwk map[string]any, now time.Time, change func(jwt.MapClaims)) string {
	p.t.Helper()
	sum := sha256.Sum256([]byte(p.access))
	c := jwt.MapClaims{
		"htm": "POST", "htu": p.e.URL() + "/api/agent/heartbeat", "jti": newUUID(), "iat": now.Unix(),
		"ath": base64.RawURLEncoding.EncodeToString(sum[:]),
	}
	if change != nil {
		change(c)
	}
	token := jwt.NewWithClaims(method, c)
	token.Header["jwk"] = jwk
	text, err := token.SignedString(key)
	must(p.t, err)
	return text
}

func TestDPoP(t *testing.T) {
	clock := newClock()
	p := enrolled(t, Config{AutoApprove: true, Now: clock.now})
	encode := base64.RawURLEncoding.EncodeToString
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(public)}
	for name, c := range map[string]struct {
		change func(jwt.MapClaims)
		word   string
	}{
		"good":            {nil, ""},
		"method case":     {func(c jwt.MapClaims) { c["htm"] = "post" }, ""},
		"no ath":          {func(c jwt.MapClaims) { delete(c, "ath") }, ""},
		"early":           {func(c jwt.MapClaims) { c["iat"] = clock.now().Unix() - 300 }, ""},
		"too early":       {func(c jwt.MapClaims) { c["iat"] = clock.now().Unix() - 301 }, "dpop_invalid"},
		"too late":        {func(c jwt.MapClaims) { c["iat"] = clock.now().Unix() + 301 }, "dpop_invalid"},
		"no iat":          {func(c jwt.MapClaims) { delete(c, "iat") }, "dpop_invalid"},
		"no jti":          {func(c jwt.MapClaims) { delete(c, "jti") }, "dpop_invalid"},
		"another method":  {func(c jwt.MapClaims) { c["htm"] = "GET" }, "dpop_invalid"},
		"another address": {func(c jwt.MapClaims) { c["htu"] = "https://elsewhere/" }, "dpop_invalid"},
		"another token":   {func(c jwt.MapClaims) { c["ath"] = "AAAA" }, "dpop_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			p.header.Set("DPoP", p.prove(jwt.SigningMethodEdDSA, private, jwk, clock.now(), c.change))
			if r := p.post("/api/agent/heartbeat", "{}"); r.str("error") != c.word {
				t.Errorf("%d %s", r.status, r.text)
			}
			if c.word == "" {
				wantError(t, p.post("/api/agent/heartbeat", "{}"), 400, "dpop_replayed")
			}
		})
	}
}

func TestDPoPKeys(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	encode := base64.RawURLEncoding.EncodeToString
	for method, curve := range map[*jwt.SigningMethodECDSA]elliptic.Curve{
		jwt.SigningMethodES256: elliptic.P256(), jwt.SigningMethodES384: elliptic.P384(), jwt.SigningMethodES512: elliptic.P521(),
	} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(t, err)
		point, err := key.PublicKey.Bytes()
		must(t, err)
		half := len(point) / 2
		jwk := map[string]any{"kty": "EC", "crv": curve.Params().Name, "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}
		p.header.Set("DPoP", p.prove(method, key, jwk, time.Now(), nil))
		if r := p.post("/api/agent/heartbeat", "{}"); r.status != 200 {
			t.Errorf("%s: %d %s", method.Alg(), r.status, r.text)
		}
		jwk["crv"] = "P-192"
		p.header.Set("DPoP", p.prove(method, key, jwk, time.Now(), nil))
		wantError(t, p.post("/api/agent/heartbeat", "{}"), 400, "dpop_invalid")
	}
	secret := []byte("secret")
	p.header.Set("DPoP", p.prove(jwt.SigningMethodHS256, secret, map[string]any{"k": encode(secret)}, time.Now(), nil))
	wantError(t, p.post("/api/agent/heartbeat", "{}"), 400, "dpop_invalid")
}
