package gitsource

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/remote"
)

// The media types of smart HTTP, with git's protocol version 0, which every server speaks
// (git's documentation, gitprotocol-http).
const (
	advertisement = "application/x-git-upload-pack-advertisement"
	packRequest   = "application/x-git-upload-pack-request"
	packResult    = "application/x-git-upload-pack-result"
)

// server is a git server that has told what it has.
type server struct {
	*source
	// base is the address of the repository after redirects.
	base *url.URL
	refs refs
	can  *capability.List
}

// clone fetches what is needed for the ref.
func (s *source) clone(ctx context.Context) (*repository, target, error) {
	server, err := s.connect(ctx)
	if err != nil {
		return nil, target{}, err
	}
	want, err := server.refs.resolve(s.ref())
	if err != nil {
		return nil, target{}, err
	}
	if want.advertised || !want.object.IsZero() && server.generous() {
		repo, err := server.fetch(ctx, []plumbing.Hash{want.object}, 1)
		if err == nil || want.advertised || ctx.Err() != nil {
			return repo, want, err
		}
	}
	all := server.refs.everything()
	if len(all) == 0 {
		return nil, want, server.refs.unknown(s.ref())
	}
	repo, err := server.fetch(ctx, all, 0)
	return repo, want, err
}

// connect asks the server what it has.
func (s *source) connect(ctx context.Context) (*server, error) {
	resp, err := s.do(ctx, call{method: http.MethodGet, url: s.url.String() + "/info/refs?service=git-upload-pack", takes: advertisement})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // everything wanted has been read, or an error says so
	base, found := strings.CutSuffix(redacted(resp.Request.URL), "/info/refs")
	at, err := url.Parse(base)
	if err != nil || !found {
		return nil, errs.New(errs.Invalid, "the repository redirects to %s, which is no git repository", redacted(resp.Request.URL))
	}
	listed, err := s.advertised(ctx, resp.Body)
	if err != nil {
		return nil, err
	}
	known := &server{source: s, base: at, can: listed.Capabilities, refs: refs{named: listed.References, peeled: listed.Peeled}}
	if listed.Head != nil {
		known.refs.head = *listed.Head
	}
	return known, nil
}

// advertised reads the list of refs.
func (s *source) advertised(ctx context.Context, body io.Reader) (*packp.AdvRefs, error) {
	whole := &bounded{r: body, left: s.limits.refs, what: "refs"}
	r := bufio.NewReaderSize(whole, 4<<10)
	start, _ := r.Peek(4 << 10) // an error comes again below
	if bytes.Contains(start, []byte("object-format=sha256")) {
		return nil, errs.New(errs.Invalid, "the repository names its objects by SHA-256, which is not supported; use one that uses SHA-1")
	}
	listed := packp.NewAdvRefs()
	err := listed.Decode(r)
	switch {
	case errors.Is(err, packp.ErrEmptyAdvRefs):
		return listed, nil
	case err != nil:
		return nil, s.garbled(ctx, "list of refs", err, whole)
	}
	return listed, nil
}

// generous tells whether the server gives commits that it does not list.
func (s *server) generous() bool {
	return s.can.Supports(capability.AllowReachableSHA1InWant) || s.can.Supports(capability.Capability("allow-any-sha1-in-want"))
}

// fetch gets a pack with the objects and all that they need; depth 1 is without history, 0 all of it.
func (s *server) fetch(ctx context.Context, objects []plumbing.Hash, depth int) (*repository, error) {
	ask, body, err := s.wish(objects, depth)
	if err != nil {
		return nil, err
	}
	resp, err := s.do(ctx, call{method: http.MethodPost, url: s.base.String() + "/git-upload-pack", body: body, sends: packRequest, takes: packResult})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // everything wanted has been read, or an error says so
	whole := &bounded{r: resp.Body, left: 1 << 20, what: "shallow commits"}
	answer := packp.NewUploadPackResponse(ask)
	if err := answer.Decode(io.NopCloser(whole)); err != nil {
		// A line that is cut short is taken for a malformed one.
		return nil, s.garbled(ctx, "pack", errors.Join(err, whole.ended), whole)
	}
	whole.left = math.MaxInt64
	repo, err := s.store(ctx, s.unmixed(answer))
	if err != nil {
		return nil, s.garbled(ctx, "pack", err, whole)
	}
	return repo, nil
}

// wish is the request for objects.
func (s *server) wish(objects []plumbing.Hash, depth int) (*packp.UploadPackRequest, []byte, error) {
	ask := packp.NewUploadPackRequest()
	ask.Wants = objects
	for _, power := range s.powers() {
		if err := ask.Capabilities.Set(power); err != nil {
			return nil, nil, err
		}
	}
	if depth > 0 && s.can.Supports(capability.Shallow) {
		ask.Depth = packp.DepthCommits(depth)
		if err := ask.Capabilities.Set(capability.Shallow); err != nil {
			return nil, nil, err
		}
	}
	var body bytes.Buffer
	if err := ask.UploadRequest.Encode(&body); err != nil {
		return nil, nil, err
	}
	err := pktline.NewEncoder(&body).EncodeString("done\n")
	return ask, body.Bytes(), err
}

// powers picks what to use of what the server can do.
func (s *server) powers() (powers []capability.Capability) {
	for _, choice := range [][]capability.Capability{
		{capability.Sideband64k, capability.Sideband}, {capability.OFSDelta}, {capability.NoProgress},
		// Some servers answer nobody who cannot do this. It changes nothing for those who have nothing yet.
		{capability.MultiACKDetailed, capability.MultiACK},
	} {
		for _, c := range choice {
			if s.can.Supports(c) {
				powers = append(powers, c)
				break
			}
		}
	}
	return powers
}

// unmixed gives the pack alone, without what else the server says on the way.
func (s *server) unmixed(answer io.Reader) io.Reader {
	switch {
	case s.can.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, answer)
	case s.can.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, answer)
	}
	return answer
}

// garbled explains an error of reading an answer: what the server says itself if it does, what happened to the
// connection, or that the answer makes no sense.
func (s *source) garbled(ctx context.Context, what string, err error, whole *bounded) error {
	if said, ok := errors.AsType[*pktline.ErrorLine](err); ok {
		return errs.New(errs.Invalid, "the server says: %s", clean(said.Text))
	}
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	if whole.ended != nil && !errors.Is(whole.ended, io.EOF) {
		return remote.Explain(ctx, s.shown, whole.ended)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, packfile.ErrEmptyPackfile) {
		return errs.Coded(errs.Unavailable, "PLP0027", "the answer ends in the middle of the %s; try again later: %w", what, err)
	}
	return errs.New(errs.Invalid, "the %s from the server cannot be read; is this really a git repository? %s", what, clean(err.Error()))
}
