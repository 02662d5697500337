package answers

import (
	"log/slog"
	"sync"
	"time"
)

// outage keeps requests from waiting, one after the other, for something that is away: after a failure nobody asks for a
// while, and then one tries.
type outage struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	down bool
	// until is when the next one may try.
	until time.Time
}

// over tells whether to ask.
func (o *outage) over() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.down {
		return true
	}
	now := o.now()
	if now.Before(o.until) {
		return false
	}
	o.until = now.Add(pause)
	return true
}

// note notes how it went. An outage is told of once, and its end too.
func (o *outage) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.down
	o.down = err != nil
	if o.down {
		o.until = o.now().Add(pause)
	}
	switch {
	case o.down && !was:
		o.log.Warn("Redis does not take part in answers of the content server; they are looked up in the database", "error", err)
	case !o.down && was:
		o.log.Info("Redis takes part in answers of the content server again")
	}
}
