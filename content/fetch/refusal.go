package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
)

// Refusal is the cause of an error about an upstream that does not give a file although it may have it.
type Refusal struct {
	// Status is the HTTP status for the client: 502 for what has to be mended, 503 for what may pass.
	Status int
	// After is when it is worth asking again; 0 is not known.
	After time.Duration
}

// Error says when it may be tried again.
func (r *Refusal) Error() string { return fmt.Sprintf("try again in %s", r.After) }

func busy(after time.Duration) *Refusal {
	return &Refusal{Status: http.StatusServiceUnavailable, After: after}
}

// mostRests bounds the memory of upstreams in trouble.
const mostRests = 10_000

// rests remember for a moment that an upstream was in trouble, so that nobody waits for it again. What is wrong with one
// file is remembered for that file. That there is no way to the upstream is remembered for the remote, once two files have
// met with it and none was answered in between: one that the upstream chokes on must not take the others along.
type rests struct {
	term time.Duration

	mu    sync.Mutex
	until map[any]rest
	lost  map[upstream]loss
}

// upstream is a remote with the URL that it has, spot a file there.
type upstream struct{ remote, url string }

type spot struct {
	place
	upstream
	url string
}

// loss is the last file that met with no way to its upstream.
type loss struct {
	place place
	until time.Time
}

func upstreamOf(r *model.Remote) upstream { return upstream{r.ID, r.URL} }

func (e *errand) spot(p place) spot { return spot{p, upstreamOf(e.Remote), e.URL} }

type rest struct {
	until time.Time
	err   error
}

// standing gives the error of a file or remote that is left alone; nil when it may be asked.
func (r *rests) standing(at spot) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range []any{at, at.upstream} {
		if rest, resting := r.until[key]; resting && time.Now().Before(rest.until) {
			return rest.err
		}
	}
	return nil
}

// refuse makes the error for clients of a failure, and leaves its upstream alone for a while.
func (r *rests) refuse(at spot, err error) error {
	told := refusal(err, r.term)
	r.note(at, told)
	if unreachable(err) && r.lose(at) {
		r.note(at.upstream, told)
	}
	return told
}

// lose notes that there was no way to an upstream; again tells that another file has met with that a moment ago.
func (r *rests) lose(at spot) (again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost == nil || len(r.lost) >= mostRests {
		r.lost = map[upstream]loss{}
	}
	now, before := time.Now(), r.lost[at.upstream]
	r.lost[at.upstream] = loss{at.place, now.Add(r.term)}
	return now.Before(before.until) && before.place != at.place
}

// answered notes that there is a way to an upstream.
func (r *rests) answered(by *model.Remote) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.lost, upstreamOf(by))
}

// note leaves a file or a remote alone for a while.
func (r *rests) note(key any, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil || len(r.until) >= mostRests {
		r.until = map[any]rest{}
	}
	r.until[key] = rest{until: time.Now().Add(r.term), err: err}
}

// refusal says in plain words what an upstream did. Where it is stays in the log.
func refusal(err error, again time.Duration) error {
	status, answered := remote.Status(err)
	switch {
	case answered && (status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusProxyAuthRequired):
		return mend(fmt.Sprintf("the upstream of this distribution refuses this server (it answered %d); who owns the distribution may look at its remote", status))
	case remote.Temporary(err):
		return &errs.Error{Kind: errs.Unavailable, Msg: "the upstream of this distribution is in trouble: " + words(err), Err: busy(again)}
	}
	if w, ok := errors.AsType[*wrong](err); ok {
		return mend("the upstream of this distribution sends no file that can be taken: " + w.how)
	}
	return mend("the upstream of this distribution does not give the file: " + words(err))
}

func mend(what string) error {
	return &errs.Error{Kind: errs.Unavailable, Msg: what, Err: &Refusal{Status: http.StatusBadGateway}}
}

var _ error = (*Refusal)(nil)
