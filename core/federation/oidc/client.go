package oidc

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// Bounds of what an issuer may cost.
const (
	fetchEvery  = 10 * time.Second
	fetchWithin = 10 * time.Second
	maxAnswer   = 1 << 20
)

// newClient makes the client for one issuer. It follows no redirects: an issuer is where it says it is.
func newClient(o IssuerOptions) (*http.Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		text, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, errs.New(errs.Invalid, "the ca_file of issuer %s cannot be read: %w", o.URL, err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(text) {
			return nil, errs.New(errs.Invalid, "the ca_file of issuer %s holds no certificate in PEM; name another file", o.URL)
		}
	}
	base := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true, MaxIdleConns: 4,
		IdleConnTimeout: time.Minute, TLSHandshakeTimeout: fetchWithin, ResponseHeaderTimeout: fetchWithin}
	return &http.Client{
		Transport:     &paced{next: &guarded{base, o.Insecure}, now: o.Now, pages: map[string]*page{}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       2 * fetchWithin,
	}, nil
}

// guarded keeps secrets on private ways, wherever an issuer says that its endpoints are, and answers short.
type guarded struct {
	next     http.RoundTripper
	insecure bool
}

// RoundTrip refuses http to other machines unless it is allowed.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if !g.insecure && !private(r.URL) {
		return nil, fmt.Errorf("%s is not reached over https", r.URL.Redacted())
	}
	answer, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	return answer, nil
}

// paced asks for a public page (keys, discovery) at most every fetchEvery and gives what was said then in between.
type paced struct {
	next http.RoundTripper
	now  func() time.Time

	mu    sync.Mutex
	pages map[string]*page
}

// page is the last answer of an address.
type page struct {
	mu     sync.Mutex
	asked  time.Time
	status int
	kind   string
	body   []byte
	err    error
}

// RoundTrip passes on what concerns one person.
func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
		return p.next.RoundTrip(r)
	}
	at := p.at(r.URL.String())
	at.mu.Lock()
	defer at.mu.Unlock()
	if now := p.now(); at.asked.IsZero() || !now.Before(at.asked.Add(fetchEvery)) {
		at.fetch(p.next, r)
		at.asked = now
	}
	if at.err != nil {
		return nil, at.err
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", at.status, http.StatusText(at.status)), StatusCode: at.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {at.kind}}, Body: io.NopCloser(bytes.NewReader(at.body)), ContentLength: int64(len(at.body)), Request: r,
	}, nil
}

func (p *paced) at(address string) *page {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.pages[address]
	if found == nil {
		found = &page{}
		p.pages[address] = found
	}
	return found
}

// fetch asks with a time of its own: one who leaves early must not make the issuer count as away for the others.
func (p *page) fetch(next http.RoundTripper, r *http.Request) {
	// detached: the answer is for all who ask
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), fetchWithin)
	defer cancel()
	answer, err := next.RoundTrip(r.WithContext(ctx))
	if p.err = err; err != nil {
		return
	}
	p.status, p.kind = answer.StatusCode, answer.Header.Get("Content-Type")
	p.body, err = io.ReadAll(answer.Body)
	p.err = errors.Join(err, answer.Body.Close())
}

var (
	_ http.RoundTripper = (*guarded)(nil)
	_ http.RoundTripper = (*paced)(nil)
)
