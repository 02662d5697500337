package audit

import (
	"context"
	"time"
)

const (
	// lookEvery is how often entries are looked for that no process of its own told of, such as those of a process that
	// was killed, or of the command line.
	lookEvery = 15 * time.Second
	// pruneEvery is how often entries are looked for that are older than the retention.
	pruneEvery = time.Hour
)

// Start seals what this process and others write, and removes what is older than the retention, until the function that
// it gives is called; that seals once more.
func (l *Log) Start(ctx context.Context) (stop func()) {
	if l == nil {
		return func() {}
	}
	// detached: the sealer ends when it is told to, after the requests that still write.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(ctx)
	}()
	return func() {
		cancel()
		<-done
		// detached: ctx has ended.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		l.told(last, "seal", l.Seal(last))
	}
}

func (l *Log) run(ctx context.Context) {
	look, prune := time.NewTicker(lookEvery), time.NewTicker(pruneEvery)
	defer look.Stop()
	defer prune.Stop()
	l.told(ctx, "seal", l.Seal(ctx))
	l.retain(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			l.retain(ctx)
			continue
		case <-look.C:
		case <-l.wake:
			if !l.pause(ctx) { // others come along in the same transaction
				return
			}
		}
		l.told(ctx, "seal", l.Seal(ctx))
	}
}

func (l *Log) pause(ctx context.Context) bool {
	pause := time.NewTimer(l.o.Pause)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-pause.C:
		return true
	}
}

// retain removes what is too old.
func (l *Log) retain(ctx context.Context) {
	if l.o.Retention <= 0 {
		return
	}
	removed, err := l.Prune(ctx, l.now().Add(-l.o.Retention))
	l.told(ctx, "prune", err)
	if removed > 0 {
		l.o.Log.Info("entries of the audit log older than the retention were removed", "entries", removed)
	}
}

func (l *Log) told(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		l.o.Log.Error("the audit log could not be worked on; it will be tried again", "work", what, "error", err)
	}
}
