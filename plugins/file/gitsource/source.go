package gitsource

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// source is the repository that one Fetch reads.
type source struct {
	Options
	limits limits
	// url has no trailing slash, shown is what messages say.
	url   *url.URL
	shown string
}

func newSource(o Options, l limits) (*source, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		// The cause repeats the URL with its credentials.
		return nil, errs.New(errs.Invalid, "the URL of the git repository cannot be read; write it as https://host/path.git")
	}
	if u.User != nil {
		if u.Scheme == "http" || u.Scheme == "https" {
			return nil, errs.New(errs.Invalid, "the URL of the git repository has credentials in it; set username and password of the remote instead")
		}
		u.User = nil
	}
	u.RawQuery, u.Fragment = "", ""
	u = u.JoinPath()
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	s := &source{Options: o, limits: l, url: u, shown: u.String()}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return nil, errs.New(errs.Invalid, "the URL %s of the git repository names no host", s.shown)
		}
	case "file":
	default:
		return nil, errs.Coded(errs.Invalid, "PLP0009", "git repositories are read over https, http and file, not %s (%s); use another URL of the repository",
			cmp.Or(u.Scheme, "a URL without scheme"), s.shown)
	}
	return s, nil
}

func (s *source) ref() string { return cmp.Or(s.Ref, "HEAD") }

func (s *source) begin(stage Stage) {
	if s.Begin != nil {
		s.Begin(stage)
	}
}

func (s *source) skip(path, reason string) {
	if s.Skipped != nil {
		s.Skipped(path, reason)
	}
}
