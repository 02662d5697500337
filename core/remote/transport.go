package remote

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// idleConnections is how long an unused connection is kept.
const idleConnections = 90 * time.Second

// newTransport makes the connections of a remote.
func (c *Client) newTransport(policy *egress, trust *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy: func(*http.Request) (*url.URL, error) { return c.s.proxy, nil },
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return policy.dial(ctx, c.s.dial, network, address)
		},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, asked *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return badStatus("proxy for "+asked.URL.Host, answer, c.clock.Now())
		},
		TLSClientConfig:        trust,
		MaxResponseHeaderBytes: 1 << 20,
		TLSHandshakeTimeout:    defaultConnect,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    c.s.concurrency,
		IdleConnTimeout:        idleConnections,
		ExpectContinueTimeout:  time.Second,
		ReadBufferSize:         32 << 10,
	}
}

// RoundTrip sends one request as the remote wants it: it is what Client.HTTP is made of.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := c.permit(r.URL); err != nil {
		return nil, errors.Join(err, closeBody(r))
	}
	if err := c.limits.begin(r.Context()); err != nil {
		return nil, errors.Join(err, closeBody(r))
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	dog := &watchdog{cancel: cancel}
	sent := r.Clone(httptrace.WithClientTrace(ctx, c.trace(dog)))
	transport := c.away
	if !strayed(r) && covers(c.s.home, r.URL) {
		transport = c.transport
		c.dress(sent)
	}
	c.introduce(sent)
	dog.sending("connect_timeout", c.s.connect)
	answer, err := transport.RoundTrip(sent)
	dog.answer()
	if err != nil {
		err = expired(ctx, err)
		cancel(err)
		return nil, err
	}
	answer.Request = r
	answer.Body = &watched{ReadCloser: answer.Body, ctx: ctx, dog: dog, limit: c.s.read}
	return answer, nil
}

// permit looks at where a request goes.
func (c *Client) permit(to *url.URL) error {
	if !isWeb(to.Scheme) {
		return refusal(errs.Invalid, "PLP0009", "%s: the scheme %q is not served; use http or https", Clean(to.String()), to.Scheme)
	}
	return c.egress.host(to.Hostname())
}

// trace sets the clock as the request goes on. To send it may take as long as to wait for the answer: bodies of requests
// are small here.
func (c *Client) trace(dog *watchdog) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { dog.sending("sock_read_timeout", c.s.read) },
		WroteRequest: func(httptrace.WroteRequestInfo) { dog.sending("sock_read_timeout", c.s.read) },
	}
}

// dress adds the remote's headers and credentials. What the request has already stays.
func (c *Client) dress(r *http.Request) {
	for name, values := range c.s.headers {
		if _, own := r.Header[name]; !own {
			r.Header[name] = values
		}
	}
	if c.s.host != "" {
		r.Host = c.s.host
	}
	if _, own := r.Header["Authorization"]; !own && (c.s.username != "" || c.s.password != "") {
		pair := c.s.username + ":" + c.s.password
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
}

// introduce adds what every request has.
func (c *Client) introduce(r *http.Request) {
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", c.userAgent)
	}
	r.Header.Set("Accept-Encoding", "identity")
}

// expired puts the reason in the place of the bare end of a context.
func expired(ctx context.Context, err error) error {
	if why, ok := errors.AsType[*expiry](context.Cause(ctx)); ok {
		return why
	}
	return err
}

func closeBody(r *http.Request) error {
	if r.Body == nil {
		return nil
	}
	return r.Body.Close()
}

// watched is a body whose reads must not take too long.
type watched struct {
	io.ReadCloser
	ctx   context.Context
	dog   *watchdog
	limit time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	w.dog.reading(w.limit)
	n, err := w.ReadCloser.Read(p)
	w.dog.stop()
	if err != nil && err != io.EOF {
		err = expired(w.ctx, err)
	}
	return n, err
}

func (w *watched) Close() error {
	w.dog.stop()
	err := w.ReadCloser.Close()
	w.dog.cancel(nil)
	return err
}

var _ http.RoundTripper = (*Client)(nil)
