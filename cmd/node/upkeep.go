package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/packhouse/packhouse/core/publication"
)

// upkeepEvery is how often what has expired is removed. It is refused from the moment it expires; this only frees room.
const upkeepEvery = time.Hour

// purge removes expired rows of one kind and tells how many.
type purge struct {
	what string
	work func(ctx context.Context) (int64, error)
}

// upkeep runs purges at every tick until ctx is done. What fails is tried again at the next tick.
func upkeep(ctx context.Context, ticks <-chan time.Time, log *slog.Logger, purges ...purge) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		for _, p := range purges {
			gone, err := p.work(ctx)
			switch {
			case err != nil && ctx.Err() == nil:
				log.Warn("what has expired could not be removed; it is tried again in an hour", "what", p.what, "error", err)
			case gone > 0:
				log.Info("removed what has expired", "what", p.what, "rows", gone)
			}
		}
	}
}

// startUpkeep lets this process remove expired tokens, sessions and what superseded publications left. Several processes do not disturb each other.
func (n *Node) startUpkeep(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ticker, done := time.NewTicker(upkeepEvery), make(chan struct{})
	go func() {
		defer close(done)
		upkeep(ctx, ticker.C, n.o.Log, purge{"tokens", n.identity.Tokens.Purge}, purge{"sessions", n.identity.Sessions.Purge},
			purge{"superseded publications", n.forgetSuperseded})
	}()
	n.later(func() error {
		ticker.Stop()
		cancel()
		<-done
		return nil
	})
}

// forgetSuperseded forgets which publications were superseded so long ago that they are not served any more.
func (n *Node) forgetSuperseded(ctx context.Context) (int64, error) {
	return publication.ForgetSuperseded(ctx, n.db, time.Duration(n.settings().DistributedPublicationRetentionPeriod)*time.Second)
}
