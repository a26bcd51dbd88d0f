package enginetest

import (
	"crypto/ed25519"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func (p *probe) renew() reply {
	p.t.Helper()
	return p.post("/api/agent/token/refresh", map[string]any{"guid": p.guid, "refresh_token": p.refresh})
}

func TestRefreshErrors(t *testing.T) {
	clock := newClock()
	first := newProbe(t, Start(t, Config{AutoApprove: true, Now: clock.now}), "first")
	for _, c := range []struct {
		name   string
		do     func(p *probe)
		status int
		word   string
	}{
		{"no guid", func(p *probe) { p.guid = "" }, 400, "invalid_request"},
		{"no token", func(p *probe) { p.refresh = " " }, 400, "invalid_request"},
		{"bad DPoP", func(p *probe) { p.header.Set("DPoP", "x.y.z") }, 400, "dpop_invalid"},
		{"unknown token", func(p *probe) { p.refresh = randomToken(48) }, 401, "invalid_refresh_token"},
		{"guid in lower case", func(p *probe) { p.guid = strings.ToLower(p.guid) }, 401, "invalid_refresh_token"},
		{"revoked", func(p *probe) { must(p.t, p.e.RevokeTokens(p.guid)) }, 401, "refresh_token_revoked"},
		{"idle", func(*probe) { clock.pass(90 * 24 * time.Hour) }, 401, "refresh_token_expired"},
		{"device revoked", func(p *probe) { must(p.t, p.e.SetStatus(p.guid, StatusRevoked)) }, 403, "device_revoked"},
		{"device decommissioned", func(p *probe) { must(p.t, p.e.SetStatus(p.guid, StatusDecommissioned)) }, 403, "device_revoked"},
		{"device forgotten", func(p *probe) { must(p.t, p.e.Forget(p.guid)) }, 404, "device_not_found"},
		{"device purged", func(p *probe) { must(p.t, p.e.Purge(p.guid)) }, 401, "invalid_refresh_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := first.another(t, c.name)
			p.enroll()
			c.do(p)
			wantError(t, p.renew(), c.status, c.word)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefreshSlidesAndDoesNotRotate(t *testing.T) {
	clock := newClock()
	p := enrolled(t, Config{AutoApprove: true, Now: clock.now})
	p.access = "" // the refresh token alone counts
	for range 3 {
		clock.pass(80 * 24 * time.Hour)
		r := p.renew()
		if r.status != 200 || r.str("access_token") == "" || r.body["expires_in"] != 900.0 || r.str("token_type") != "Bearer" || len(r.body) != 3 {
			t.Fatalf("%d %s", r.status, r.text)
		}
		c, err := p.e.tokens.read(r.str("access_token"))
		if err != nil || c.GUID != p.guid {
			t.Fatalf("%+v %v", c, err)
		}
	}
}

func TestTokenHeader(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	token, _, err := jwt.NewParser().ParseUnverified(p.access, jwt.MapClaims{})
	must(t, err)
	kid := fingerprint(spki(p.e.tokens.key.Public().(ed25519.PublicKey)))[:16]
	if want := map[string]any{"alg": "EdDSA", "typ": "JWT", "kid": kid}; !maps.Equal(token.Header, want) {
		t.Errorf("header %v, want %v", token.Header, want)
	}
	if len(token.Claims.(jwt.MapClaims)) != 7 {
		t.Errorf("claims %v", token.Claims)
	}
	if p.e.SigningKey().Equal(p.e.tokens.key.Public()) {
		t.Error("tokens and scripts are signed with one key")
	}
}

// signed gives a token that says what change makes of the true claims.
func (p *probe) signed(change func(*claims)) string {
	p.t.Helper()
	c, err := p.e.tokens.read(p.access)
	must(p.t, err)
	change(&c)
	text, err := p.e.tokens.sign(c)
	must(p.t, err)
	return text
}

func TestDeviceAuthErrors(t *testing.T) {
	clock := newClock()
	first := newProbe(t, Start(t, Config{AutoApprove: true, Now: clock.now}), "first")
	for _, c := range []struct {
		name   string
		do     func(p *probe)
		status int
		word   string
	}{
		{"no header", func(p *probe) { p.access = "" }, 401, "missing_authorization"},
		{"empty bearer", func(p *probe) { p.header.Set("Authorization", "Bearer ") }, 401, "missing_authorization"},
		{"bearer in lower case", func(p *probe) { p.header.Set("Authorization", "bearer "+p.access) }, 401, "missing_authorization"},
		{"no token", func(p *probe) { p.access = "nonsense" }, 401, "invalid_token"},
		{"another's key", func(p *probe) {
			other := &tokens{key: p.e.scriptKey, now: clock.now}
			p.access, _ = other.mint(&device{guid: p.guid, fingerprint: p.fingerprint(), tokenVersion: 1})
		}, 401, "invalid_token"},
		{"unsigned", func(p *probe) {
			p.access, _ = jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"guid": p.guid}).SignedString(jwt.UnsafeAllowNoneSignatureType)
		}, 401, "invalid_token"},
		{"expired this second", func(*probe) { clock.pass(900 * time.Second) }, 401, "token_expired"},
		{"no exp", func(p *probe) { p.access = p.signed(func(c *claims) { c.ExpiresAt = nil }) }, 401, "invalid_token"},
		{"no iat", func(p *probe) { p.access = p.signed(func(c *claims) { c.IssuedAt = nil }) }, 401, "invalid_token"},
		{"no sub", func(p *probe) { p.access = p.signed(func(c *claims) { c.Subject = "" }) }, 401, "invalid_token"},
		{"from the future", func(*probe) { clock.pass(-time.Second) }, 401, "invalid_token"},
		{"no guid", func(p *probe) { p.access = p.signed(func(c *claims) { c.GUID = "" }) }, 401, "invalid_claims"},
		{"no fingerprint", func(p *probe) { p.access = p.signed(func(c *claims) { c.Fingerprint = "" }) }, 401, "invalid_claims"},
		{"version 0", func(p *probe) { p.access = p.signed(func(c *claims) { c.TokenVersion = 0 }) }, 401, "invalid_claims"},
		{"guid in lower case", func(p *probe) { p.access = p.signed(func(c *claims) { c.GUID = strings.ToLower(c.GUID) }) }, 401, "device_mismatch"},
		{"other fingerprint", func(p *probe) { p.access = p.signed(func(c *claims) { c.Fingerprint = examplePrint }) }, 403, "fingerprint_mismatch"},
		{"fingerprint before version", func(p *probe) {
			p.access = p.signed(func(c *claims) { c.Fingerprint, c.TokenVersion = examplePrint, 9 })
		}, 403, "fingerprint_mismatch"},
		{"version bumped", func(p *probe) { must(p.t, p.e.RevokeTokens(p.guid)) }, 403, "token_version_mismatch"},
		{"version before status", func(p *probe) {
			must(p.t, p.e.RevokeTokens(p.guid))
			must(p.t, p.e.SetStatus(p.guid, StatusRevoked))
		}, 403, "token_version_mismatch"},
		{"revoked", func(p *probe) { must(p.t, p.e.SetStatus(p.guid, StatusRevoked)) }, 403, "device_revoked"},
		{"status before DPoP", func(p *probe) {
			must(p.t, p.e.SetStatus(p.guid, StatusDecommissioned))
			p.header.Set("DPoP", "x")
		}, 403, "device_revoked"},
		{"bad DPoP", func(p *probe) { p.header.Set("DPoP", "x") }, 400, "dpop_invalid"},
		{"purged", func(p *probe) { must(p.t, p.e.Purge(p.guid)) }, 404, "device_not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := first.another(t, c.name)
			p.enroll()
			c.do(p)
			wantError(t, p.post("/api/agent/heartbeat", "{}"), c.status, c.word)
		})
	}
}

func TestForgottenDeviceRecovers(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	must(t, p.e.Forget(p.guid))
	if r := p.post("/api/agent/script/request", "{}"); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.text)
	}
	if d := deviceByGUID(t, p.e, p.guid); d.Hostname != "RECOVERED-"+p.guid[:12] || d.Fingerprint != p.fingerprint() {
		t.Errorf("recovered: %+v", d)
	}
	p.post("/api/agent/heartbeat", map[string]any{"hostname": "again"})
	if d := deviceByGUID(t, p.e, p.guid); d.Hostname != "again" {
		t.Errorf("after a heartbeat: %+v", d)
	}
}

func TestOtherStatusesPassAndAreQuarantined(t *testing.T) {
	p := enrolled(t, Config{AutoApprove: true})
	must(t, p.e.SetStatus(p.guid, "quarantined"))
	r := p.post("/api/agent/script/request", "{}")
	if r.status != 200 || r.str("status") != "quarantined" || r.body["poll_after_ms"] != 60000.0 || r.str("signing_key") == "" {
		t.Errorf("%d %s", r.status, r.text)
	}
}
