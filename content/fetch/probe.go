package fetch

import (
	"context"
	"net/http"
	"strings"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/serve"
)

// Probe asks the upstream about a file without fetching it. The size is in bytes, -1 when the upstream does not tell; sha256
// is empty where it does not. Errors are those of Pull. Nothing is remembered of them: what an upstream says to HEAD may not be
// what it says to GET.
func (f *Fetcher) Probe(ctx context.Context, d *model.Distribution, p *serve.Pull) (size int64, sha256 string, err error) {
	if f.isClosed() {
		return 0, "", stopping()
	}
	t := &transfer{place: place{d.DomainID, d.ID, p.Path}, errand: &errand{Pull: p, distribution: d}}
	if err := f.rests.standing(t.errand.spot(t.place)); err != nil {
		return 0, "", err
	}
	leave, err := f.hosts.enter(ctx, hostOf(p.URL), placesOf(p.Remote))
	if err != nil {
		return 0, "", err
	}
	defer leave()
	open, err := f.head(ctx, p)
	if err == nil {
		defer open.Body.Close()
		open.Framed = true // how a body ends is for who takes it
		if err = f.acceptable(open); err == nil {
			return open.Size, told(open.Header)[artifact.SHA256], nil
		}
	}
	if ctx.Err() != nil {
		return 0, "", errs.New(errs.Canceled, "nobody waits for this answer any more: %w", context.Cause(ctx))
	}
	if absent(err) {
		return 0, "", notThere()
	}
	f.Log.Warn("an upstream does not tell of a file that could be pulled through", t.errand.about(err)...)
	return 0, "", refusal(err, f.Rest)
}

// head asks with HEAD; for a file of this machine, and where the upstream refuses that in whatever way, it begins a GET and
// breaks off.
func (f *Fetcher) head(ctx context.Context, p *serve.Pull) (*remote.Open, error) {
	source, err := f.Source(p.Remote)
	if err != nil {
		return nil, &unusable{err}
	}
	if !strings.HasPrefix(p.URL, "file:") {
		open, err := source.Do(ctx, http.MethodHead, p.URL, nil, nil)
		status, _ := remote.Status(err)
		if refused := status >= 400 && status < 500 && status != http.StatusTooManyRequests || status == http.StatusNotImplemented; !refused {
			return open, err
		}
	}
	return source.Open(ctx, p.URL)
}
