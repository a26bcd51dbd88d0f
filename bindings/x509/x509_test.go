package x509

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// byOpenSSL was made by: openssl req -x509 -newkey rsa:2048 -set_serial 0x0badcafe -addext subjectAltName=...
//
//go:embed testdata/openssl.pem
var byOpenSSL string

// module opens the module for a role; its clock reads 2026-01-02.
func opened(t *testing.T) func(fn string, args ...any) (any, error) {
	set, err := bindings.Open(hosttest.New(t.TempDir()), []bindings.Binding{Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(fn string, args ...any) (any, error) {
		return set.Call(t.Context(), bindings.Call{Module: "x509", Func: fn, Args: args})
	}
}

type table = map[string]any

// TestReadWhatOpenSSLMade compares with what "openssl x509 -noout -text -nameopt RFC2253" says of the same file.
func TestReadWhatOpenSSLMade(t *testing.T) {
	call := opened(t)
	want := []any{table{
		"subject": "CN=tern.example,O=Borealis Lab,C=PL", "issuer": "CN=tern.example,O=Borealis Lab,C=PL",
		"serial": "badcafe", "not_before": 1795646945.0, "not_after": 4949246945.0,
		"dns_names": []any{"tern.example", "*.gull.example"}, "ip_addresses": []any{"192.0.2.7", "2001:db8::7"},
		"sha256": "61e36d39b13679aa983d467b7a69f5c32f85009e1e4eccf4fa62f084964f31a5",
		"is_ca":  false, "key_type": "rsa",
	}}
	block, _ := pem.Decode([]byte(byOpenSSL))
	for name, in := range map[string]string{
		"PEM": byOpenSSL, "DER": string(block.Bytes),
		"among others": "a key\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\nand text\r\n" + byOpenSSL + "the end",
	} {
		if got, err := call("read", in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v\nwant %v", name, got, err, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	call := opened(t)
	for _, c := range []struct{ name, in, code, says string }{
		{"nothing", "", "syntax", "argument 1: "},
		{"text", "no certificate", "syntax", "argument 1: "},
		{"another PEM", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "syntax", "no certificate in it"},
		{"a broken one", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "syntax", "argument 1: "},
		{"a good one and a broken one", byOpenSSL + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "syntax", "argument 1: "},
		{"too much", strings.Repeat("x", maxText+1), "limit", "1048577 bytes are more than 1048576"},
		{"too many", strings.Repeat(pemOf(edCertificate(t)), maxCertificates+1), "limit", "more than 1024"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := call("read", c.in)
			check(t, err, c.code, c.says)
			if got != nil {
				t.Errorf("got %v", got)
			}
		})
	}
}

func check(t *testing.T, err error, code, says string) {
	t.Helper()
	var failed *bindings.Error
	var wrong *bindings.Misuse
	got := fmt.Sprint(err)
	switch {
	case errors.As(err, &failed):
		got = failed.Code
	case errors.As(err, &wrong):
		got = "misuse"
	}
	if err == nil || got != code || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v (%s), want %s: %s", err, got, code, says)
	}
}

// issuer makes certificates.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var (
	from = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	to   = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
)

// issue makes a certificate signed by the issuer, or by itself when that is nil.
func issue(t testing.TB, by *issuer, key crypto.Signer, template *x509.Certificate) *issuer {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = from, to
	}
	template.BasicConstraintsValid = true
	if by == nil {
		by = &issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{cert, key}
}

func named(name string) pkix.Name { return pkix.Name{CommonName: name} }

func edKey(t testing.TB) crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edCertificate(t testing.TB) *issuer {
	return issue(t, nil, edKey(t), &x509.Certificate{Subject: named("x")})
}

func pemOf(list ...*issuer) string {
	var out strings.Builder
	for _, i := range list {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}))
	}
	return out.String()
}

// family is a root, what it issued, and a stranger.
type family struct{ root, middle, leaf, client, forever, stranger *issuer }

func newFamily(t testing.TB) family {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: named(name), IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	}
	var f family
	f.root = issue(t, nil, ec, ca("root"))
	f.middle = issue(t, f.root, edKey(t), ca("middle"))
	f.leaf = issue(t, f.middle, edKey(t), &x509.Certificate{
		Subject: named("leaf"), DNSNames: []string{"tern.example"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	f.client = issue(t, f.root, edKey(t), &x509.Certificate{
		Subject: named("client"), DNSNames: []string{"tern.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	f.forever = issue(t, nil, edKey(t), &x509.Certificate{
		Subject: named("forever"), NotBefore: from, NotAfter: time.Unix(maxTime, 0),
	})
	f.stranger = issue(t, nil, edKey(t), ca("root"))
	return f
}

func TestVerify(t *testing.T) {
	f := newFamily(t)
	call := opened(t)
	roots := pemOf(f.stranger, f.root)
	for _, c := range []struct {
		name  string
		chain string
		opts  table
		want  string // subjects, leaf to root
	}{
		{"with what came along", pemOf(f.leaf, f.middle), table{"roots": roots}, "leaf middle root"},
		{"with what is given", pemOf(f.leaf), table{"roots": roots, "intermediates": pemOf(f.middle)}, "leaf middle root"},
		{"in DER", string(f.client.cert.Raw), table{"roots": string(f.root.cert.Raw)}, "client root"},
		{"for its name", pemOf(f.leaf, f.middle), table{"roots": roots, "host": "tern.example"}, "leaf middle root"},
		{"for its address", pemOf(f.leaf, f.middle), table{"roots": roots, "host": "192.0.2.7"}, "leaf middle root"},
		{"at its last moment", pemOf(f.leaf, f.middle), table{"roots": roots, "at": float64(to.Unix())}, "leaf middle root"},
		{"a root itself", pemOf(f.root), table{"roots": roots}, "root"},
		{"for ever", pemOf(f.forever), table{"roots": pemOf(f.forever), "at": float64(maxTime)}, "forever"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := call("verify", c.chain, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, cert := range got.([]any) {
				names = append(names, strings.TrimPrefix(cert.(table)["subject"].(string), "CN="))
			}
			if strings.Join(names, " ") != c.want {
				t.Errorf("trusted by way of %v, want %s", names, c.want)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	f := newFamily(t)
	call := opened(t)
	chain, roots := pemOf(f.leaf, f.middle), pemOf(f.root)
	for _, c := range []struct {
		name       string
		chain      string
		opts       table
		code, says string
	}{
		{"too early", chain, table{"roots": roots, "at": float64(from.Unix() - 1)}, "expired", "not yet valid"},
		{"too late", chain, table{"roots": roots, "at": float64(to.Unix() + 1)}, "expired", "expired"},
		{"a stranger's", chain, table{"roots": pemOf(f.stranger)}, "untrusted", "unknown authority"},
		{"the system does not know us", chain, nil, "untrusted", ""},
		{"a gap", pemOf(f.leaf), table{"roots": roots}, "untrusted", "unknown authority"},
		{"another name", chain, table{"roots": roots, "host": "gull.example"}, "hostname", "tern.example, not gull.example"},
		{"another address", chain, table{"roots": roots, "host": "192.0.2.8"}, "hostname", "192.0.2.8"},
		{"not for servers", pemOf(f.client), table{"roots": roots, "host": "tern.example"}, "invalid", "usage"},
		{"issued by no issuer", pemOf(issue(t, f.leaf, edKey(t), &x509.Certificate{Subject: named("x")}), f.leaf, f.middle), table{"roots": roots}, "untrusted", "cannot sign"},
		{"no chain", "x", nil, "syntax", "argument 1"},
		{"no roots", chain, table{"roots": "x"}, "syntax", "option roots"},
		{"empty roots", chain, table{"roots": ""}, "syntax", "option roots"},
		{"no intermediates", chain, table{"roots": roots, "intermediates": "x"}, "syntax", "option intermediates"},
		{"before time", chain, table{"at": -1.0}, "misuse", "option at"},
		{"after time", chain, table{"at": 1e18}, "misuse", "option at"},
		{"unknown option", chain, table{"root": roots}, "misuse", `did you mean "roots"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := call("verify", c.chain, c.opts)
			check(t, err, c.code, c.says)
			if got != nil {
				t.Errorf("got %v", got)
			}
		})
	}
}

// huge is the public half of a key that nobody could have made.
type huge struct{ crypto.Signer }

func (huge) Public() crypto.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), maxRSABits)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

func TestAKeyOfAbsurdSizeIsRefused(t *testing.T) {
	f := newFamily(t)
	_, err := opened(t)("read", pemOf(issue(t, f.root, huge{}, &x509.Certificate{Subject: named("x")})))
	check(t, err, "limit", "an RSA key of 16385 bits, more than 16384")
}

func TestForeverFitsANumber(t *testing.T) {
	f := newFamily(t)
	got, err := opened(t)("read", pemOf(f.forever))
	if err != nil || got.([]any)[0].(table)["not_after"] != float64(maxTime) {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(byOpenSSL))
	block, _ := pem.Decode([]byte(byOpenSSL))
	f.Add(block.Bytes)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := parse("argument 1", data)
		if err != nil {
			var failed *bindings.Error
			if !errors.As(err, &failed) {
				t.Errorf("%v is no failure of the world", err)
			}
			return
		}
		if _, err := bindings.Plain(shown(certs)); err != nil || len(certs) == 0 {
			t.Errorf("%d certificates, %v", len(certs), err)
		}
	})
}
