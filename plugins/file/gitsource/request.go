package gitsource

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/remote"
)

// call is a request to the server of the repository or to one that it names.
type call struct {
	method, url string
	body        []byte
	// sends and takes are media types; an answer of another type than takes is refused, "" is any.
	sends, takes string
	// header is added.
	header http.Header
}

// do sends a request and gives an answer that is a success.
func (s *source) do(ctx context.Context, c call) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, c.method, c.url, bytes.NewReader(c.body))
	if err != nil {
		return nil, errs.New(errs.Invalid, "the server names an address that cannot be read: %w", err)
	}
	req.Header.Set("User-Agent", "git/2 (packhouse)") // some hosts look for "git/" at the start
	for name, value := range map[string]string{"Content-Type": c.sends, "Accept": c.takes} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	for name, values := range c.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return nil, remote.Explain(ctx, c.url, err)
	}
	if err := accepted(resp, c.takes); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp, nil
}

// accepted refuses an answer that is no success or of another media type than wanted.
func accepted(resp *http.Response, takes string) error {
	place := redacted(resp.Request.URL)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		return errs.Coded(errs.Forbidden, "PLP0025", "%s wants credentials, or others than it got (401); set username of the remote, and a password or token as its password", place)
	case code == http.StatusForbidden:
		return errs.Coded(errs.Forbidden, "PLP0025", "%s lets nobody in with these credentials (403); check username and password of the remote and what they may read", place)
	case code == http.StatusNotFound:
		return errs.Coded(errs.NotFound, "PLP0025", "%s does not exist (404), or only for those with credentials; check the URL of the remote", place)
	case code == http.StatusTooManyRequests || code >= 500:
		return errs.Coded(errs.Unavailable, "PLP0025", "%s answers %s; try again later", place, resp.Status)
	case code != http.StatusOK:
		return errs.Coded(errs.Invalid, "PLP0025", "%s answers %s where 200 was expected; check the URL of the remote", place, resp.Status)
	}
	got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // what cannot be read is not what is wanted
	if takes != "" && got != takes {
		return errs.Coded(errs.Invalid, "PLP0025", "%s answers with the type %q, not %q: this is no git repository with smart HTTP; check the URL of the remote",
			place, resp.Header.Get("Content-Type"), takes)
	}
	return nil
}

// redacted is a URL without what may be secret in it.
func redacted(u *url.URL) string {
	shown := *u
	shown.User, shown.RawQuery, shown.Fragment = nil, "", ""
	return shown.String()
}

// bounded reads at most left bytes and fails, saying what is too much, where others would just end.
type bounded struct {
	r    io.Reader
	left int64
	what string
	// ended is the error that the reader ended in, io.EOF too.
	ended error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errs.New(errs.TooLarge, "the server sends more %s than a repository has; is this really a git repository?", b.what)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	b.ended = err
	return n, err
}

// clean shortens what a server says to something that can stand in a message.
func clean(said string) string {
	said = strings.TrimSpace(strings.ToValidUTF8(said, "?"))
	if runes := []rune(said); len(runes) > 200 {
		said = string(runes[:200]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, said)
}
