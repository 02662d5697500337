package remote

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// maxRedirects is how often an upstream may send us on.
const maxRedirects = 10

// redirect decides about each hop; it is http.Client.CheckRedirect. The transport looks at the hop's host afterwards.
func (c *Client) redirect(next *http.Request, before []*http.Request) error {
	from, to := before[len(before)-1].URL, next.URL
	shown := Clean(from.String())
	if !isWeb(to.Scheme) {
		return refusal(errs.Invalid, "PLP0009", "%s: the upstream redirects to a URL of the scheme %q, which is not followed; check the URL of the remote", shown, to.Scheme)
	}
	if len(before) > maxRedirects {
		return refusal(errs.Invalid, "PLP0027", "%s: the upstream redirects more than %d times; check the URL of the remote", Clean(before[0].URL.String()), maxRedirects)
	}
	for _, earlier := range before {
		if earlier.Method == next.Method && sameURL(earlier.URL, to) {
			return refusal(errs.Invalid, "PLP0027", "%s: the upstream redirects in a circle, back to %s; check the URL of the remote", shown, Clean(to.String()))
		}
	}
	if from.Scheme == "https" && to.Scheme == "http" && (!c.s.tls.InsecureSkipVerify || c.s.secretive()) {
		return refusal(errs.Invalid, "PLP0026", "%s: the upstream redirects to %s, which is not encrypted; use a URL that stays encrypted", shown, Clean(to.String()))
	}
	c.forget(next)
	return nil
}

// forget removes from a request what its new host must not learn.
func (c *Client) forget(next *http.Request) {
	next.URL.User = nil
	next.Header.Del("Referer") // it would tell the query of the URL before
	if !strayed(next) {
		return
	}
	for name := range next.Header {
		switch name {
		case "Accept", "Accept-Language", "Content-Type", "If-Modified-Since", "If-None-Match", "Range", "User-Agent":
		default:
			next.Header.Del(name)
		}
	}
}

// strayed tells whether a request, or one of those that led to it, has left the host that the first one was for. Who
// has been elsewhere was sent back by a stranger, to a place of his choice.
func strayed(r *http.Request) bool {
	first := r
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	for one := r; one != first; one = one.Response.Request {
		if !covers(first.URL, one.URL) {
			return true
		}
	}
	return false
}

// covers tells whether what is meant for the one place may go to the other: the same scheme, host and port, or the same
// host on the usual ports with TLS added.
func covers(home, to *url.URL) bool {
	if home == nil || !strings.EqualFold(home.Hostname(), to.Hostname()) {
		return false
	}
	if home.Scheme == to.Scheme {
		return port(home) == port(to)
	}
	return home.Scheme == "http" && to.Scheme == "https" && port(home) == "80" && port(to) == "443"
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

func sameURL(a, b *url.URL) bool {
	x, y := *a, *b
	x.User, y.User, x.Fragment, y.Fragment, x.RawFragment, y.RawFragment = nil, nil, "", "", "", ""
	return x.String() == y.String()
}
