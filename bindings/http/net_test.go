package http

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// nobody is where nobody listens: the port of a service that was given up in the eighties.
const nobody = "127.0.0.1:1"

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// authority signs the certificates of the test's servers.
type authority struct {
	testing.TB
	pem  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{TB: t}
	der, key := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.key, a.pem = key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

// leaf is a server's certificate; change, if there is one, spoils it.
func (a *authority) leaf(name string, change ...func(*x509.Certificate)) tls.Certificate {
	a.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	for _, f := range change {
		f(template)
	}
	der, key := a.sign(template)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) sign(template *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.Fatal(err)
	}
	return der, key
}

// resolver asks a DNS server of the test's own: names below .test are this machine, those below .silent.test get no
// answer, and no others exist.
func resolver(t testing.TB) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answerNames(socket)
	}()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = socket.Close()
		<-done
	})
	// A lookup outlives the dial that gave up on it; here it ends with the test.
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}}
}

// answerNames speaks as much DNS as a lookup needs, until its socket is closed.
func answerNames(socket net.PacketConn) {
	query := make([]byte, 512)
	for {
		n, from, err := socket.ReadFrom(query)
		if err != nil {
			return
		}
		if answer := answerName(query[:n]); answer != nil {
			_, _ = socket.WriteTo(answer, from)
		}
	}
}

func answerName(query []byte) []byte {
	const header, typeA = 12, 1
	end := header
	var labels []string
	for query[end] != 0 {
		length := int(query[end])
		labels = append(labels, string(query[end+1:end+1+length]))
		end += 1 + length
	}
	name := strings.Join(labels, ".")
	question := query[header : end+5]
	if strings.HasSuffix(name, ".silent.test") {
		return nil
	}
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	switch {
	case !strings.HasSuffix(name, ".test"):
		answer[3] |= 3 // there is no such name
	case question[len(question)-3] == typeA:
		answer[7] = 1
		answer = append(answer, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1)
	}
	return answer
}

// listen accepts connections on loopback and hands each to f, until the test ends.
func listen(t testing.TB, f func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		accept(ctx, l, f)
	}()
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		<-done
	})
	return l.Addr()
}

func accept(ctx context.Context, l net.Listener, f func(net.Conn)) {
	served := make(chan struct{})
	open := 0
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		open++
		go func() {
			defer func() { served <- struct{}{} }()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			f(conn)
			_ = conn.Close()
		}()
	}
	for range open {
		<-served
	}
}

// mute reads all that comes and says nothing.
func mute(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
