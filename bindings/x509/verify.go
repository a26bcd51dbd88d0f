package x509

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

type verifyOptions struct {
	Roots         []byte   `lua:"roots"`
	Intermediates []byte   `lua:"intermediates"`
	Host          string   `lua:"host"`
	At            *float64 `lua:"at"`
}

// maxTime is the last second of the year 9999, the last that a certificate can name.
const maxTime = 253402300799

func (m *module) verify(_ context.Context, chain []byte, opts verifyOptions) ([]certificate, error) {
	certs, err := parse("argument 1", chain)
	if err != nil {
		return nil, err
	}
	check, err := m.options(certs[1:], opts)
	if err != nil {
		return nil, err
	}
	chains, err := certs[0].Verify(check)
	if err != nil {
		return nil, verdict(err)
	}
	return shown(chains[0]), nil
}

func (m *module) options(along []*x509.Certificate, opts verifyOptions) (x509.VerifyOptions, error) {
	check := x509.VerifyOptions{
		DNSName: opts.Host, CurrentTime: m.host.Now(), Intermediates: pool(along),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	if opts.Host != "" {
		check.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if at := opts.At; at != nil {
		if !(*at >= 0 && *at <= maxTime) {
			return check, bindings.Misused("option at: %v is no time that a certificate can name", *at)
		}
		check.CurrentTime = time.Unix(int64(*at), 0)
	}
	if opts.Roots != nil {
		roots, err := parse("option roots", opts.Roots)
		if err != nil {
			return check, err
		}
		check.Roots = pool(roots)
	}
	if opts.Intermediates != nil {
		more, err := parse("option intermediates", opts.Intermediates)
		if err != nil {
			return check, err
		}
		check.Intermediates = pool(append(along, more...))
	}
	return check, nil
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// verdict gives each reason to distrust a certificate its code.
func verdict(err error) error {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	code := "invalid"
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		code = "expired"
	case errors.As(err, &unknown):
		code = "untrusted"
	case errors.As(err, &host):
		code = "hostname"
	}
	return &bindings.Error{Code: code, Message: strings.TrimPrefix(err.Error(), "x509: "), Err: err}
}
