// Package downloads keeps when units of content were last served, to the day. Serving only notes the unit in memory; what was
// noted is written from time to time, each unit once a day. A process that is killed loses what it has noted since then.
package downloads

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
)

const (
	// most is how many units are kept in mind; each takes about 100 bytes.
	most = 100_000
	// atOnce is how many units one transaction writes.
	atOnce = 5000
	// writeLimit is how long a write may take, lastLimit the one at the end.
	writeLimit = time.Minute
	lastLimit  = 5 * time.Second
)

// Store is what is needed of the database.
type Store interface {
	InTx(ctx context.Context, work func(tx *db.Tx) error) error
}

// Options are what Downloads work with.
type Options struct {
	DB Store
	// Every is the time between two writes.
	Every time.Duration
	Log   *slog.Logger
}

// Downloads notes what is served. It is safe for concurrent use.
type Downloads struct {
	Options
	full chan struct{} // asks for a write before its time
	end  context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	units map[string]mark
	// waiting is how many of the units are not written, lost how many could not be kept in mind since the last write.
	waiting, lost int
}

// mark is the day on which a unit was last served, counted from 1970 in UTC, and whether that is written.
type mark struct {
	day     int32
	written bool
}

// Start begins to keep in mind, and to write until Close. The context gives no more than its values.
func Start(ctx context.Context, o Options) *Downloads {
	// detached: it ends with Close, which comes after all requests.
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	d := &Downloads{Options: o, full: make(chan struct{}, 1), end: end, done: make(chan struct{}), units: map[string]mark{}}
	go d.run(ctx)
	return d
}

// Note notes that a unit of content was served at a moment.
func (d *Downloads) Note(content string, at time.Time) {
	day := int32(at.Unix() / 86400)
	d.mu.Lock()
	defer d.mu.Unlock()
	known, there := d.units[content]
	if there && known.day >= day {
		return
	}
	if !there && !isIdentity(content) { // no unit of ours has it, and the database would take none of them
		return
	}
	if !there && len(d.units) >= most && !d.forget() {
		d.lost++
		return
	}
	if !there || known.written {
		d.waiting++
	}
	d.units[content] = mark{day: day}
	if d.waiting == most/2 {
		select {
		case d.full <- struct{}{}:
		default:
		}
	}
}

func isIdentity(text string) bool {
	_, ok := ident.Parse(text)
	return ok
}

// forget makes room: what is written need not be kept in mind. It tells whether there is room. Where there is little to
// forget it does not look for it again and again.
func (d *Downloads) forget() bool {
	if d.waiting > most*3/4 {
		return false
	}
	for content, m := range d.units {
		if m.written {
			delete(d.units, content)
		}
	}
	return len(d.units) < most
}

func (d *Downloads) run(ctx context.Context) {
	defer close(d.done)
	tick := time.NewTicker(d.Every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-d.full:
		}
		limited, cancel := context.WithTimeout(ctx, writeLimit)
		err := d.Write(limited)
		cancel()
		if err != nil && ctx.Err() == nil && !failing {
			d.Log.Warn("when content was last downloaded could not be written; it is tried again", "error", err)
		}
		failing = err != nil
	}
}

// Write writes what was noted. What could not be written stays noted.
func (d *Downloads) Write(ctx context.Context) error {
	d.mu.Lock()
	days := make(map[string]int32, d.waiting)
	units := make([]string, 0, d.waiting)
	for content, m := range d.units {
		if !m.written {
			days[content] = m.day
			units = append(units, content)
		}
	}
	lost := d.lost
	d.lost = 0
	d.mu.Unlock()
	if lost > 0 {
		d.Log.Warn("more content was served than could be kept in mind, so of some of it the day is not known", "requests", lost)
	}
	slices.Sort(units) // for several processes to take the rows in one order
	for part := range slices.Chunk(units, atOnce) {
		if err := d.DB.InTx(ctx, func(tx *db.Tx) error { tx.Aside(); return write(tx, part, days) }); err != nil {
			return fmt.Errorf("write when content was last downloaded: %w", err)
		}
		d.settle(part, days)
	}
	return nil
}

// settle notes what is written.
func (d *Downloads) settle(units []string, days map[string]int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, content := range units {
		if d.units[content] == (mark{day: days[content]}) {
			d.units[content] = mark{day: days[content], written: true}
			d.waiting--
		}
	}
}

// write writes the days of some units. What is gone meanwhile is left out, and what another process has written too.
func write(tx *db.Tx, units []string, days map[string]int32) error {
	rows := db.Table{Columns: db.Columns("content_id uuid", "day timestamptz")}
	for _, content := range units {
		rows.Rows = append(rows.Rows, []any{content, time.Unix(int64(days[content])*86400, 0).UTC()})
	}
	_, err := tx.From(rows, `INSERT INTO core_content_downloads (content_id, last_downloaded)
		SELECT w.content_id, w.day FROM w
		JOIN core_contents c ON c.id = w.content_id
		LEFT JOIN core_content_downloads h ON h.content_id = w.content_id
		WHERE h.content_id IS NULL OR h.last_downloaded < w.day
		ORDER BY w.content_id
		ON CONFLICT (content_id) DO UPDATE SET last_downloaded = excluded.last_downloaded
		WHERE core_content_downloads.last_downloaded < excluded.last_downloaded`)
	return err
}

// Close writes what is left, if that takes no longer than some seconds. That it could not be written is told to the log and
// no failure.
func (d *Downloads) Close() error {
	d.end()
	<-d.done
	// detached: whoever closes has no context any more, and this one has an end.
	ctx, cancel := context.WithTimeout(context.Background(), lastLimit)
	defer cancel()
	if err := d.Write(ctx); err != nil && !errors.Is(err, context.Canceled) {
		d.Log.Warn("the last downloads could not be written", "error", err)
	}
	return nil
}

var _ Store = (*db.DB)(nil)
