package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// again says whether a failed request is worth another one.
type again int

const (
	never again = iota
	once
	often
)

// fault is what went wrong with one request. Its text is that of the coded error inside.
type fault struct {
	coded  *errs.Error
	again  again
	status int
	// gone: there is no such file, where no HTTP status says it.
	gone bool
	// wait is what the upstream asked for by Retry-After.
	wait time.Duration
}

func (f *fault) Error() string { return f.coded.Error() }

func (f *fault) Unwrap() error { return f.coded }

// refusal makes a fault that trying again does not mend.
func refusal(kind errs.Kind, code, format string, args ...any) *fault {
	return &fault{coded: errs.Coded(kind, code, format, args...)}
}

// trouble makes a fault that may pass.
func trouble(code, format string, args ...any) *fault {
	return &fault{coded: errs.Coded(errs.Unavailable, code, format, args...), again: often}
}

// Status gives the HTTP status that the upstream (or the proxy) answered with, when that was the trouble.
func Status(err error) (int, bool) {
	if f, ok := errors.AsType[*fault](err); ok && f.status != 0 {
		return f.status, true
	}
	return 0, false
}

// NotThere tells whether the trouble was that the upstream has no such file.
func NotThere(err error) bool {
	f, ok := errors.AsType[*fault](err)
	return ok && (f.gone || f.status == http.StatusNotFound || f.status == http.StatusGone)
}

// Temporary tells whether the trouble may pass by itself, so that a later try can help.
func Temporary(err error) bool {
	f, ok := errors.AsType[*fault](err)
	return ok && f.again == often
}

// Explain turns an error of Client.HTTP, or of reading its answers, into a coded one that names the URL without its
// secrets. Errors of Open, Do and Download are explained already, and stay as they are.
func Explain(ctx context.Context, address string, err error) error {
	if err == nil {
		return nil
	}
	return explain(ctx, address, err)
}

func explain(ctx context.Context, address string, err error) error {
	shown := Clean(address)
	if ctx.Err() != nil {
		return errs.New(errs.Canceled, "%s: the download was given up before it was done: %w", shown, context.Cause(ctx))
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if e, ok := errors.AsType[*forbidden](err); ok {
		return refusal(errs.Forbidden, "PLP0027", "%s: %w; name it in the setting egress.allow if remotes shall reach it", shown, e)
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e
	}
	// The text of a url.Error holds the whole URL.
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if strings.HasPrefix(err.Error(), "failed to parse Location header") { // the text goes on with the header
		return refusal(errs.Invalid, "PLP0027", "%s: the upstream redirects to something that is no URL; check the URL of the remote", shown)
	}
	if expired, ok := errors.AsType[*expiry](err); ok {
		return trouble("PLP0005", "%s: %w; try again later, or raise the timeout of the remote", shown, expired)
	}
	if f := explainTLS(shown, err); f != nil {
		return f
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return explainDNS(shown, e)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return trouble("PLP0005", "%s: the upstream did not answer in time: %w; try again later, or raise the timeouts of the remote", shown, brief{err})
	}
	return trouble("PLP0027", "%s: the connection failed: %w; check that the upstream is up and try again", shown, brief{err})
}

// brief keeps the text of an error short, and free of what the upstream sent: the standard library quotes a line that it
// cannot read, and a line of a head may hold a token.
type brief struct{ error }

func (b brief) Error() string {
	said := b.error.Error()
	if strings.Contains(said, "malformed") || strings.Contains(said, "invalid header") {
		return "the answer is malformed HTTP"
	}
	if len(said) > maxShown {
		return strings.ToValidUTF8(said[:maxShown], "") + "..."
	}
	return said
}

func (b brief) Unwrap() error { return b.error }

func explainDNS(shown string, e *net.DNSError) *fault {
	f := trouble("PLP0008", "%s: the name %q cannot be resolved (%s); check the URL of the remote and the DNS of this server", shown, e.Name, e.Err)
	if e.IsNotFound {
		f.again = never
	}
	return f
}

func explainTLS(shown string, err error) *fault {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return refusal(errs.Invalid, "PLP0026", "%s: the certificate is not trusted: %w; set ca_cert of the remote to the authority that signed it", shown, e.Err)
	}
	_, record := errors.AsType[tls.RecordHeaderError](err)
	if record || errors.Is(err, http.ErrSchemeMismatch) {
		return refusal(errs.Invalid, "PLP0026", "%s: the upstream does not speak TLS there: %w; check scheme and port of the URL", shown, err)
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return refusal(errs.Invalid, "PLP0026", "%s: the certificate is for another host: %w; check the URL of the remote", shown, e)
	}
	// crypto/tls gives an alert, sent or received, as an OpError of these operations.
	if e, ok := errors.AsType[*net.OpError](err); ok && (e.Op == "remote error" || e.Op == "local error") {
		return refusal(errs.Invalid, "PLP0026", "%s: no TLS connection was agreed on: %w; check client_cert, client_key and ca_cert of the remote", shown, e)
	}
	return nil
}

// badStatus is the fault of an answer that is not what was asked for.
func badStatus(shown string, answer *http.Response, now time.Time) *fault {
	said := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	f := refusal(errs.Invalid, "PLP0025", "%s: the upstream answered %s; check the URL of the remote", shown, said)
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f = trouble("PLP0025", "%s: the upstream answered %s; try again later, or lower rate_limit and download_concurrency of the remote", shown, said)
		f.wait = retryAfter(answer.Header.Get("Retry-After"), now)
	case http.StatusUnauthorized, http.StatusForbidden:
		f = refusal(errs.Invalid, "PLP0025", "%s: the upstream answered %s; check username, password and certificates of the remote", shown, said)
	case http.StatusProxyAuthRequired:
		f = refusal(errs.Invalid, "PLP0010", "%s: the proxy answered %s; check proxy_username and proxy_password of the remote", shown, said)
	}
	f.status = answer.StatusCode
	return f
}

var _ error = (*fault)(nil)
