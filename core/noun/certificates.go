package noun

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// certificates is a member of PEM certificates or null. Whatever else the text holds is dropped.
func certificates[R any](name string, pointer func(*R) **string) resource.Field[R] {
	return resource.NullText(name, pointer).Column("m." + name).Check(func(m *R) error {
		text := *pointer(m)
		if text == nil {
			return nil
		}
		kept, err := certificatesOf([]byte(*text))
		if err == nil {
			*pointer(m) = &kept
		}
		return err
	})
}

// Certificates gives the certificates of a PEM text, for members that keep some.
func Certificates(text string) (string, error) { return certificatesOf([]byte(text)) }

// certificatesOf gives the certificates of a PEM text, each ending in a line break. The messages do not repeat the
// text, which may hold a private key too.
func certificatesOf(text []byte) (string, error) {
	var kept bytes.Buffer
	for n := 1; ; n++ {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", errs.New(errs.Invalid, "PEM block %d cannot be read as a certificate: %s", n, err)
		}
		kept.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	if kept.Len() == 0 {
		return "", errs.New(errs.Invalid, "No PEM encoded certificate was found.")
	}
	return kept.String(), nil
}
