package certguard

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/serve"
)

// clientHeader is where the proxy that ends TLS puts the client's certificate, as PEM text in percent-encoding.
const clientHeader = "X-CLIENT-CERT"

// presented gives the certificate that a client showed. Only a trusted proxy can tell: from anybody else the header is
// what anybody can write.
func presented(v *serve.Visit) (*x509.Certificate, error) {
	if !v.Proxies.Trusts(v.Peer()) {
		return nil, refused("a client certificate is wanted, and the connection does not come from a trusted proxy (setting trusted_proxies)")
	}
	lines := v.Header(clientHeader)
	if len(lines) != 1 {
		return nil, refused("a client certificate is wanted")
	}
	certificate, ok := parseClient(lines[0])
	if !ok {
		return nil, refused("the client certificate cannot be read")
	}
	return certificate, nil
}

const (
	begin = "-----BEGIN CERTIFICATE-----"
	end   = "-----END CERTIFICATE-----"
)

// parseClient reads exactly one certificate of a header's value. Proxies write it in percent-encoding, or as it is with
// the line breaks turned into blanks; a plus sign is part of Base64 and never a blank.
func parseClient(value string) (*x509.Certificate, bool) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, false
	}
	text, opened := strings.CutPrefix(strings.TrimSpace(text), begin)
	text, closed := strings.CutSuffix(text, end)
	if !opened || !closed {
		return nil, false
	}
	block, rest := pem.Decode([]byte(begin + "\n" + strings.Join(strings.Fields(text), "\n") + "\n" + end + "\n"))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 || len(block.Headers) > 0 {
		return nil, false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	return certificate, err == nil
}
