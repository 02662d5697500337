package fetch

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

const (
	// hostPlaces is how many files are pulled from one host at a time, where its remote does not say.
	hostPlaces = 8
	// hostQueue is how many wait for a place. Who comes then is told to come again.
	hostQueue = 64
	// comeAgain is when that is worth trying.
	comeAgain = 5 * time.Second
)

// hosts bound what a process asks of each upstream. The zero value is ready.
type hosts struct {
	mu     sync.Mutex
	byName map[string]*host
}

type host struct {
	running int
	queue   []*ticket
}

// ticket is one who waits for a place.
type ticket struct {
	most  int
	admit chan struct{}
}

// enter waits for a place; leave gives it back.
func (h *hosts) enter(ctx context.Context, name string, most int) (leave func(), err error) {
	leave = sync.OnceFunc(func() { h.leave(name) })
	mine, full := h.queue(name, most)
	if full {
		return nil, &errs.Error{Kind: errs.Unavailable, Msg: "too many files are being pulled from the upstream of this distribution; try again in a moment", Err: busy(comeAgain)}
	}
	if mine == nil {
		return leave, nil
	}
	select {
	case <-mine.admit:
		return leave, nil
	case <-ctx.Done():
		if h.giveUp(name, mine) {
			leave() // it was admitted at the same moment
		}
		return nil, errs.New(errs.Canceled, "nobody waits for this file any more: %w", context.Cause(ctx))
	}
}

// queue takes a place, or gives a ticket where there is none.
func (h *hosts) queue(name string, most int) (mine *ticket, full bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byName == nil {
		h.byName = map[string]*host{}
	}
	at := h.byName[name]
	if at == nil {
		at = &host{}
		h.byName[name] = at
	}
	switch {
	case at.running < most && len(at.queue) == 0:
		at.running++
		return nil, false
	case len(at.queue) >= hostQueue:
		return nil, true
	}
	mine = &ticket{most: most, admit: make(chan struct{})}
	at.queue = append(at.queue, mine)
	return mine, false
}

func (h *hosts) leave(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byName[name].running--
	h.admit(name)
}

// admit gives places to those who wait, in the order in which they came.
func (h *hosts) admit(name string) {
	at := h.byName[name]
	for len(at.queue) > 0 && at.running < at.queue[0].most {
		at.running++
		close(at.queue[0].admit)
		at.queue = slices.Delete(at.queue, 0, 1)
	}
	if at.running == 0 && len(at.queue) == 0 {
		delete(h.byName, name)
	}
}

// giveUp takes a ticket out of the queue. It tells whether it was admitted before.
func (h *hosts) giveUp(name string, mine *ticket) (admitted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.byName[name]
	if at == nil {
		return true
	}
	i := slices.Index(at.queue, mine)
	if i < 0 {
		return true
	}
	at.queue = slices.Delete(at.queue, i, i+1)
	h.admit(name)
	return false
}

// placesOf is how many files are pulled from the host of a remote at a time.
func placesOf(r *model.Remote) int {
	if r.DownloadConcurrency != nil && *r.DownloadConcurrency > 0 {
		return int(min(*r.DownloadConcurrency, 1000))
	}
	return hostPlaces
}

// hostOf is the host that limits are counted for.
func hostOf(address string) string {
	to, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return to.Scheme + "://" + to.Host
}
