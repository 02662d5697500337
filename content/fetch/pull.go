package fetch

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/serve"
)

// What is pulled through a distribution that has a remote is fetched like any other file, but for this: nobody has declared
// what it is. Its size must be what the upstream said, its SHA-256 what the upstream said where it does. With it come, in one
// transaction, the artifact, a unit of content, the row of the path (core_pulls), and the task that adds the unit to the
// repository. That the upstream has no such file is a row too, for a while.

// errand is the pulling of one path. Clients who ask for it at the same moment share one.
type errand struct {
	*serve.Pull
	distribution *model.Distribution
	began        time.Time
}

// Pull begins to fetch what a distribution has not, or joins those who wait for it already, and returns when there is
// something to read, as Fetch does. Errors: errs.NotFound when the upstream has no such file; a Refusal when it does not give
// it; errs.StorageFull, errs.Internal and errs.Unavailable for trouble of ours; errs.Canceled when ctx ended.
func (f *Fetcher) Pull(ctx context.Context, d *model.Distribution, p *serve.Pull) (*Download, error) {
	t, err := f.joinErrand(ctx, d, p)
	if err != nil {
		return nil, err
	}
	return f.begun(ctx, t)
}

// Refresh asks the upstream whether what was kept of a path is still what it has, and gives what is to be served: that, or
// what the upstream has now, complete and checked. It is what was kept also when the upstream is in trouble or slow; then
// the asking goes on for those who come later.
func (f *Fetcher) Refresh(ctx context.Context, d *model.Distribution, p *serve.Pull) *serve.Found {
	t, err := f.joinErrand(ctx, d, p)
	if err != nil {
		return p.Kept
	}
	download := &Download{transfer: t}
	defer download.Close()
	limited, cancel := context.WithDeadline(ctx, t.errand.began.Add(f.Slow))
	defer cancel()
	now, err := download.Wait(limited)
	if err != nil || now.ID == "" || now.ID == p.Kept.Artifact.ID {
		return p.Kept
	}
	return &serve.Found{Artifact: now, Path: p.Kept.Path, ContentID: download.Unit(), AddedAt: model.Now()}
}

// errandKey is what clients must have in common to share a transfer. Those of a path who were sent to another remote or
// URL than the ones before them, or who have another copy to fall back on, do not; the lease of the place has them take turns.
type errandKey struct {
	place
	remote, url, kept string
	passing           bool
}

func keyOf(d *model.Distribution, p *serve.Pull) errandKey {
	k := errandKey{place: place{d.DomainID, d.ID, p.Path}, remote: p.Remote.ID, url: p.URL, passing: p.Unit == nil}
	if p.Kept != nil {
		k.kept = p.Kept.ContentID
	}
	return k
}

// joinErrand is join for a path of a distribution.
func (f *Fetcher) joinErrand(ctx context.Context, d *model.Distribution, p *serve.Pull) (*transfer, error) {
	return f.joinWith(ctx, keyOf(d, p), func(t *transfer) {
		t.errand = &errand{Pull: p, distribution: d, began: time.Now()}
	})
}

// pull is bring for an errand.
func (f *Fetcher) pull(ctx context.Context, t *transfer) (*model.Artifact, error) {
	e := t.errand
	if err := f.rests.standing(e.spot(t.place)); err != nil {
		return nil, err
	}
	t.wait(true)
	leave, err := f.hosts.enter(ctx, hostOf(e.URL), placesOf(e.Remote))
	t.wait(false)
	if err != nil {
		return nil, err
	}
	defer leave()
	c := e.candidate(t.place)
	mine, err := f.await(ctx, t, []candidate{c})
	if err != nil || mine.stored != nil {
		return mine.stored, err
	}
	if mine.lease != nil {
		defer mine.lease.release(ctx)
	}
	if a, err := f.settled(ctx, t); a != nil || err != nil {
		return a, err
	}
	c.passing = mine.passing
	a, err := f.obtain(ctx, t, c, mine.lease)
	if err == nil || ctx.Err() != nil {
		return a, err
	}
	return f.judge(ctx, t, err)
}

// candidate is the place where the upstream has the path.
func (e *errand) candidate(p place) candidate {
	return candidate{
		RemoteArtifact: model.RemoteArtifact{ContentID: p.content, RelativePath: p.path, RemoteID: e.Remote.ID, URL: e.URL},
		remote:         e.Remote, digests: artifact.Digests{}, streamed: e.Unit == nil,
	}
}

// obtain asks the upstream. It gives what was kept when that is still what there is.
func (f *Fetcher) obtain(ctx context.Context, t *transfer, c candidate, l *lease) (*model.Artifact, error) {
	source, err := f.Source(c.remote)
	if err != nil {
		return nil, &unusable{err}
	}
	for n := 1; ; n++ {
		open, err := source.Do(ctx, http.MethodGet, c.URL, t.errand.conditions(), nil)
		if err != nil {
			return nil, &unanswered{err}
		}
		f.rests.answered(t.errand.Remote)
		a, err := f.taken(ctx, t, c, l, open)
		if err == nil || n == tries || t.hasStarted() || !remote.Temporary(err) {
			return a, err
		}
	}
}

// taken makes of an answer what it is.
func (f *Fetcher) taken(ctx context.Context, t *transfer, c candidate, l *lease, open *remote.Open) (*model.Artifact, error) {
	if open.Status == http.StatusNotModified && t.errand.Kept != nil {
		_ = open.Body.Close() // it has none
		return t.errand.Kept.Artifact, f.confirm(ctx, t, open.Header)
	}
	err := f.acceptable(open)
	if err != nil {
		_ = open.Body.Close() // nothing is read of it
		return nil, err
	}
	c.digests = told(open.Header)
	c.validators = validatorsOf(open.Header)
	if f.MostPulled > 0 {
		open.Body = &bounded{ReadCloser: open.Body, left: f.MostPulled}
	}
	return f.receive(ctx, t, c, l, open)
}

// acceptable refuses an answer that is no file, or whose end nobody could tell from a broken connection.
func (f *Fetcher) acceptable(open *remote.Open) error {
	switch {
	case open.Status != http.StatusOK:
		return &wrong{fmt.Sprintf("the upstream answers %d, which nobody has asked for", open.Status)}
	case open.URL != nil && (open.URL.Path == "" || strings.HasSuffix(open.URL.Path, "/")):
		return errFolder
	case !open.Framed && len(told(open.Header)) == 0:
		return &wrong{"the upstream does not say where it ends"}
	case f.MostPulled > 0 && open.Size > f.MostPulled:
		return tooLarge(f.MostPulled)
	}
	return nil
}

// conditions ask whether what was kept is still what there is.
func (e *errand) conditions() http.Header {
	h := http.Header{}
	if e.Kept == nil || e.Known == nil {
		return h
	}
	if e.Known.ETag != nil {
		h.Set("If-None-Match", *e.Known.ETag)
	}
	if e.Known.LastModified != nil {
		h.Set("If-Modified-Since", *e.Known.LastModified)
	}
	return h
}

// judge says what a failure means: there is no such file, the upstream is in trouble, or we are.
func (f *Fetcher) judge(ctx context.Context, t *transfer, err error) (*model.Artifact, error) {
	e := t.errand
	if _, mine := ours(err); mine {
		f.rests.note(e.spot(t.place), err) // a full storage is no reason to fetch the same again and again
		return nil, err
	}
	if t.hasStarted() { // clients have the beginning, and break off
		_ = f.rests.refuse(e.spot(t.place), err) // for those who come now
		return nil, err
	}
	if !absent(err) {
		f.Log.Warn("a file could not be pulled through", append(e.about(err), slog.Bool("kept", e.Kept != nil))...)
		return nil, f.rests.refuse(e.spot(t.place), err)
	}
	if e.Kept != nil {
		f.Log.Info("the upstream does not have a file any more that was pulled through, which stays", e.about(err)...)
		return e.Kept.Artifact, f.confirm(ctx, t, nil)
	}
	f.noteAbsent(ctx, t)
	return nil, notThere()
}

// about is an errand in the log.
func (e *errand) about(err error) []any {
	return []any{slog.String("path", e.Path), slog.String("distribution", e.distribution.Name), slog.String("remote", e.Remote.Name), slog.Any("error", err)}
}

func notThere() error {
	return errs.New(errs.NotFound, "neither this distribution nor its upstream has such a file")
}
