package certguard

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// now is the moment at which tests look at certificates.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// authority signs certificates.
type authority struct {
	t           testing.TB
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	self := &authority{t: t}
	return self.sign(name, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
}

// sign makes a certificate that is good for a day around now, by this authority, or by itself for the first one.
func (a *authority) sign(name string, set func(c *x509.Certificate)) *authority {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-12 * time.Hour), NotAfter: now.Add(12 * time.Hour),
	}
	if set != nil {
		set(template)
	}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return &authority{t: a.t, certificate: certificate, key: key}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

func extension(t testing.TB, value any, below ...int) pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: append(entitlementExtensions(), below...), Value: der}
}

// version1 names paths each by itself.
func version1(t testing.TB, paths ...string) func(c *x509.Certificate) {
	return func(c *x509.Certificate) {
		for i, path := range paths {
			c.ExtraExtensions = append(c.ExtraExtensions, extension(t, path, 2, i+1, 1, 6))
		}
		c.ExtraExtensions = append(c.ExtraExtensions, extension(t, "1.0", 6), extension(t, "other", 2, 99, 1, 2))
	}
}

// version3 names paths in a packed tree.
func version3(t testing.TB, paths ...string) func(c *x509.Certificate) {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, extension(t, "3.4", 6), extension(t, pack(t, paths...), 7))
	}
}

// pack writes the tree of paths, one node for each place and one for all ends. It finds codes by trying to read them.
func pack(t testing.TB, paths ...string) []byte {
	t.Helper()
	tree := [][]edge{nil}
	var names []string
	const end = -1
	for _, path := range paths {
		at := 0
		parts := segments(path)
		for i, name := range parts {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			if i == len(parts)-1 {
				tree[at] = append(tree[at], edge{name, end})
				continue
			}
			next := slices.IndexFunc(tree[at], func(e edge) bool { return e.name == name && e.to != end })
			if next < 0 {
				tree, next = append(tree, nil), len(tree[at])
				tree[at] = append(tree[at], edge{name, len(tree) - 1})
			}
			at = tree[at][next].to
		}
	}
	tree = append(tree, nil) // the end
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	if _, err := z.Write([]byte(strings.Join(names, "\x00") + "\x00")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if len(tree) < 128 {
		out.WriteByte(byte(len(tree)))
	} else {
		out.Write([]byte{128 + 3, byte(len(tree) >> 16), byte(len(tree) >> 8), byte(len(tree))})
	}
	byName, byNode := codes(newCode(len(names)+1)), codes(newCode(len(tree)-1))
	var bits strings.Builder
	for _, node := range tree {
		for _, e := range node {
			to := e.to
			if to == end {
				to = len(tree) - 1
			}
			bits.WriteString(byName[slices.Index(names, e.name)] + byNode[to-1])
		}
		bits.WriteString(byName[len(names)])
	}
	text := bits.String() + "0000000"
	for ; len(text) >= 8; text = text[8:] {
		var b byte
		for _, bit := range text[:8] {
			b = b<<1 | byte(bit-'0')
		}
		out.WriteByte(b)
	}
	return out.Bytes()
}

// codes lists the bits of all values.
func codes(c code) map[int]string {
	found := map[int]string{}
	var walk func(b *branch, bits string)
	walk = func(b *branch, bits string) {
		if b.sides[0] == nil {
			found[b.value] = bits
			return
		}
		walk(b.sides[0], bits+"0")
		walk(b.sides[1], bits+"1")
	}
	walk(c.root, "")
	return found
}
