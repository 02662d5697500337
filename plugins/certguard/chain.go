package certguard

import (
	"crypto/x509"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// trusted gives the client's certificate when one of the authorities stands behind it at this moment.
func trusted(v *serve.Visit, authorities string, now time.Time) (*x509.Certificate, error) {
	certificate, err := presented(v)
	if err != nil {
		return nil, err
	}
	return certificate, verify(certificate, authorities, now)
}

// verify looks for a chain from the certificate to an authority. What stands in the bundle and signed itself ends a
// chain, and so does what did not: whoever lists an intermediate authority trusts it.
func verify(certificate *x509.Certificate, authorities string, now time.Time) error {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(authorities)) {
		return errs.New(errs.Internal, "the authorities of a certificate guard cannot be read; set ca_certificate again")
	}
	// Clients were given certificates with all kinds of purposes, or none. What says that it is for none of these, such as
	// one that signs code, is refused: TLS would have taken it for nothing.
	_, err := certificate.Verify(x509.VerifyOptions{
		Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return refused("the client certificate is not trusted here, or not at this time")
	}
	return nil
}
