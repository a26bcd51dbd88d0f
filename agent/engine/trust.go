package engine

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// door is the one way out to the Engine: an HTTP client whose TLS trusts what the device trusts at the moment.
type door struct {
	cfg   Config
	base  *url.URL
	proxy proxyFunc

	mu       sync.Mutex
	client   *http.Client
	anchor   anchor
	note     settings.TrustNote
	expected Fingerprint // of the configuration, or of the enrollment code
	first    Fingerprint // of the first certificate met on first use
	refused  bool        // a bundle came that does not fit the connection
}

func newDoor(cfg Config, base *url.URL) (*door, error) {
	d := &door{cfg: cfg, base: base}
	var err error
	if d.proxy, err = chooseProxy(cfg); err != nil {
		return nil, err
	}
	if cfg.Fingerprint != "" {
		if d.expected, err = ParseFingerprint(cfg.Fingerprint); err != nil {
			return nil, fmt.Errorf("engine-fingerprint: %w", err)
		}
	}
	return d, d.reopen()
}

// reopen takes up what is trusted now.
func (d *door) reopen() error {
	note, err := d.cfg.Tree.TrustNote()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note = note
	now, err := d.chooseLocked()
	if err != nil {
		return err
	}
	if d.client != nil {
		if d.anchor.equal(now) {
			return nil
		}
		d.client.CloseIdleConnections()
	}
	d.client, d.anchor = d.newClient(now), now
	return nil
}

// expect takes up the fingerprint that came with an enrollment code. One of the configuration stays.
func (d *door) expect(print Fingerprint) error {
	d.mu.Lock()
	if d.expected == (Fingerprint{}) {
		d.expected = print
	}
	d.mu.Unlock()
	return d.reopen()
}

func (d *door) newClient(a anchor) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 d.proxy,
			DialContext:           d.cfg.Dial,
			TLSClientConfig:       d.tlsConfig(a),
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: callTimeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   4,
		},
		// A redirect would carry the body, and with it a code or a token, to a place that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// consider pins the bundle of an enrollment answer if the connection that brought it verifies under it too. Otherwise
// what is trusted stays, and says so: the bundle of an Engine behind a proxy would lock the device out.
func (d *door) consider(text string, over *tls.ConnectionState) (pinned bool, err error) {
	bundle := append(bytes.TrimSpace([]byte(text)), '\n')
	if text == "" || over == nil || d.pinnedTo(bundle) {
		return false, nil
	}
	pool, err := parseBundle(bundle)
	if err == nil {
		err = verifyChain(over.PeerCertificates, pool, d.name(), d.cfg.Now())
	}
	if err == nil && d.source() == TrustSystem && len(rootsOf(bundle)) == 0 {
		err = errors.New("it holds no root, so the next renewal of the certificate would end the trust")
	}
	d.mu.Lock()
	d.refused = err != nil
	d.mu.Unlock()
	if err != nil {
		return false, fmt.Errorf("bundle of the enrollment is not pinned: %w", err)
	}
	vouched := d.source()
	if err := d.cfg.Tree.PinBundle(bundle); err != nil {
		return false, err
	}
	if vouched != TrustPinned {
		err = d.cfg.Tree.SaveTrustNote(settings.TrustNote{Source: string(vouched)})
	}
	return true, errors.Join(err, d.reopen())
}

// settle keeps what vouched for the Engine that an enrollment was asked of, when no bundle took its place: from here on
// it is a fingerprint that came with a code, or the certificate of the first use, that must answer.
func (d *door) settle() error {
	d.mu.Lock()
	now, note := d.anchor, settings.TrustNote{Source: string(d.anchor.trust)}
	switch now.trust {
	case TrustFingerprint:
		note.Fingerprint = now.print.String()
	case TrustFirstUse:
		note.Fingerprint = d.first.String()
	}
	keep := now.trust == TrustPinned || now.trust == TrustNone || d.note == note ||
		(note.Fingerprint != "" && note.Fingerprint == d.note.Fingerprint)
	d.mu.Unlock()
	if keep {
		return nil
	}
	if err := d.cfg.Tree.SaveTrustNote(note); err != nil {
		return err
	}
	return d.reopen()
}

// binding names what tokens are bound to.
func (d *door) binding() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.anchor.bound
}

func (d *door) pinnedTo(bundle []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.anchor.trust == TrustPinned && bytes.Equal(d.anchor.bundle, bundle)
}

func (d *door) source() Trust {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.anchor.trust
}

func (d *door) http() *http.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.client
}
