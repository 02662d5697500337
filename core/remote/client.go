package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

// Client fetches from one remote. It is safe for concurrent use.
type Client struct {
	s         *settings
	egress    *egress
	imports   []string
	limits    *limits
	clock     Clock
	log       *slog.Logger
	userAgent string
	transport *http.Transport
	// away is the transport to other hosts than the remote's own: it has no client certificate to show.
	away *http.Transport
	web  *http.Client
}

func (r *Remotes) newClient(row *model.Remote) (*Client, error) {
	s, err := r.settings(row)
	if err != nil {
		return nil, err
	}
	c := &Client{s: s, egress: r.egress, imports: r.o.ImportPaths, limits: newLimits(s, r.o.Clock), clock: r.o.Clock,
		log: r.o.Log.With(slog.String("remote", row.Name)), userAgent: r.o.UserAgent}
	c.transport = c.newTransport(r.egress, s.tls)
	c.away = c.transport
	if len(s.tls.Certificates) > 0 {
		bare := s.tls.Clone()
		bare.Certificates = nil
		c.away = c.newTransport(r.egress, bare)
	}
	c.web = &http.Client{Transport: c, CheckRedirect: c.redirect}
	return c, nil
}

// rest lets go of connections that are not in use.
func (c *Client) rest() {
	c.transport.CloseIdleConnections()
	c.away.CloseIdleConnections()
}

// HTTP gives a client of the standard library with the TLS, proxy, credentials, headers, timeouts, rate limit, redirect
// rules and egress policy of the remote, for protocols with a client of their own. It does not try again and takes no
// place for downloads. See Explain for its errors.
func (c *Client) HTTP() *http.Client {
	return &http.Client{Transport: c, CheckRedirect: c.redirect, Timeout: c.s.total}
}

// Open begins to fetch; it tries again as long as nothing of the body has been given out. The answer is whole (200), or
// an error says what it was. Errors of reading the body are explained like those of Open.
func (c *Client) Open(ctx context.Context, url string) (*Open, error) {
	return c.Do(ctx, http.MethodGet, url, nil, nil)
}

// Do is Open for other methods, with headers that stand before those of the remote. A status of 200 to 299 and 304 is an
// answer, for a GET without a Range header only 200; all others are errors, see Status. Methods that only read are tried
// again. Headers given here are not carried to another host by redirects.
func (c *Client) Do(ctx context.Context, method, url string, header http.Header, body []byte) (open *Open, err error) {
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, method) {
		return c.attempt(ctx, method, url, header, body)
	}
	err = c.retrying(ctx, url, func() (err error) {
		open, err = c.attempt(ctx, method, url, header, body)
		return err
	})
	return open, err
}

// attempt makes one request, which has a place of the remote until its body is closed.
func (c *Client) attempt(ctx context.Context, method, address string, header http.Header, body []byte) (*Open, error) {
	if err := c.limits.enter(ctx); err != nil {
		return nil, explain(ctx, address, err)
	}
	open, err := c.request(ctx, method, address, header, body)
	if err != nil {
		c.limits.leave()
		return nil, explain(ctx, address, err)
	}
	open.Body = &explained{ReadCloser: open.Body, ctx: ctx, address: address, leave: sync.OnceFunc(c.limits.leave)}
	return open, nil
}

func (c *Client) request(ctx context.Context, method, address string, header http.Header, body []byte) (*Open, error) {
	to, err := parse(address)
	if err != nil {
		return nil, err
	}
	if to.Scheme == "file" {
		return openFile(method, to, c.imports)
	}
	end := context.CancelFunc(func() {})
	inner := ctx
	if c.s.total > 0 {
		inner, end = context.WithTimeoutCause(ctx, c.s.total, &expiry{"total_timeout", c.s.total})
	}
	request, err := http.NewRequestWithContext(inner, method, address, bytes.NewReader(body))
	if err != nil {
		end()
		return nil, refusal(errs.Invalid, "PLP0027", "%s: no request can be made of this", Clean(address))
	}
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	answer, err := c.web.Do(request)
	if err != nil {
		err = expired(inner, err)
		end()
		return nil, err
	}
	if err := c.acceptable(request, answer); err != nil {
		end()
		return nil, errors.Join(err, answer.Body.Close())
	}
	size := answer.ContentLength
	return &Open{Body: &ended{answer.Body, inner, end}, Size: size, Header: answer.Header, Status: answer.StatusCode, URL: answer.Request.URL,
		Framed: size >= 0 || len(answer.TransferEncoding) > 0 || answer.ProtoMajor > 1}, nil
}

// acceptable refuses an answer that is not what was asked for.
func (c *Client) acceptable(asked *http.Request, answer *http.Response) error {
	whole := asked.Method == http.MethodGet && asked.Header.Get("Range") == ""
	status := answer.StatusCode
	if status != http.StatusNotModified && (status < 200 || status > 299 || whole && status != http.StatusOK) {
		return badStatus(Clean(asked.URL.String()), answer, c.clock.Now())
	}
	if how := answer.Header.Get("Content-Encoding"); how != "" && how != "identity" {
		return refusal(errs.Invalid, "PLP0025", "%s: the upstream compresses what it should not (Content-Encoding: %.40q); turn that off for these files there",
			Clean(asked.URL.String()), how)
	}
	return nil
}

// parse reads a URL that is to be fetched.
func parse(address string) (*url.URL, error) {
	to, err := url.Parse(address)
	if err != nil || to.Scheme != "file" && isWeb(to.Scheme) && to.Hostname() == "" {
		return nil, refusal(errs.Invalid, "PLP0027", "%s: this is no URL of a file; check the URL of the remote", Clean(address))
	}
	if to.Scheme != "file" && !isWeb(to.Scheme) {
		return nil, refusal(errs.Invalid, "PLP0009", "%s: the scheme %q is not served; use http, https or file", Clean(address), to.Scheme)
	}
	if to.User != nil {
		return nil, refusal(errs.Invalid, "PLP0027", "%s: the URL has credentials in it; set username and password of the remote instead", Clean(address))
	}
	return to, nil
}

// ended is a body whose time limit ends with it.
type ended struct {
	io.ReadCloser
	ctx context.Context
	end context.CancelFunc
}

func (e *ended) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = expired(e.ctx, err)
	}
	return n, err
}

func (e *ended) Close() error {
	err := e.ReadCloser.Close()
	e.end()
	return err
}

// explained is a body whose errors name the URL, and whose end frees the place of the download.
type explained struct {
	io.ReadCloser
	ctx     context.Context
	address string
	leave   func()
}

func (e *explained) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = explain(e.ctx, e.address, err)
	}
	return n, err
}

func (e *explained) Close() error {
	defer e.leave()
	return e.ReadCloser.Close()
}
