package fetch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
)

const (
	// waitAtMost is how long a transfer waits for that of another process.
	waitAtMost = 10 * time.Second
	// Pauses between two looks whether the other process is done.
	firstPause, longestPause = 20 * time.Millisecond, time.Second
)

// turn is what a transfer may do when it has waited for the other processes.
type turn struct {
	// stored is what another process has brought meanwhile: there is nothing to fetch.
	stored *model.Artifact
	// lease makes the transfer the one that stores the file; nil where there is no need of one.
	lease *lease
	// passing: another process still fetches the file and will store it. What this one fetches is for its clients only.
	passing bool
	// waited: what was read before may be out of date.
	waited bool
}

// await gives a transfer its turn. What is not kept needs none, nor does a process that is alone.
func (f *Fetcher) await(ctx context.Context, t *transfer, all []candidate) (turn, error) {
	first := slices.IndexFunc(all, func(c candidate) bool { _, cooling := f.cooling(c); return !cooling })
	if f.Alone || first < 0 || all[first].streamed {
		return turn{}, nil
	}
	l, err := f.take(ctx, t.place)
	if l != nil || err != nil {
		return turn{lease: l}, err
	}
	about := []any{slog.String("path", t.place.path), slog.String("content", t.place.content)}
	f.Log.Debug("another process fetches a file, it is waited for", about...)
	t.wait(true)
	defer t.wait(false)
	mine, err := f.queue(ctx, t)
	if mine.passing {
		f.Log.Info("another process takes long to fetch a file, which is fetched here too and not stored", about...)
	}
	return mine, err
}

// queue looks again and again whether the other process is done, has given up, or was lost.
func (f *Fetcher) queue(ctx context.Context, t *transfer) (turn, error) {
	p := t.place
	limit := time.NewTimer(f.Patience)
	defer limit.Stop()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		look := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			look.Stop()
			return turn{}, errs.New(errs.Canceled, "nobody waits for this file any more: %w", context.Cause(ctx))
		case <-limit.C:
			look.Stop()
			return turn{passing: true, waited: true}, nil
		case <-look.C:
		}
		if a, err := f.settled(ctx, t); a != nil || err != nil {
			return turn{stored: a}, err
		}
		if held, err := f.leased(ctx, p); err != nil {
			return turn{}, err
		} else if held {
			continue
		}
		if l, err := f.take(ctx, p); l != nil || err != nil {
			return turn{lease: l, waited: true}, err
		}
	}
}
