// Package access writes the access log: a line for each request that was answered. Lines are gathered and written many at
// once, because a system call for each line costs a small download half of its speed.
package access

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// The formats of lines.
const (
	// Structured is the form of the log of the process, text or JSON.
	Structured = "log"
	// Common is the Common Log Format (https://httpd.apache.org/docs/2.4/logs.html#common).
	Common = "common"
	// Combined is Common with the address that led to the request and the program that made it.
	Combined = "combined"
)

const (
	// enough is how many bytes are gathered before they are written.
	enough = 32 << 10
	// latest is how long a line waits for others.
	latest = 250 * time.Millisecond
)

// Options say what a Log writes and where.
type Options struct {
	// Format is one of the formats above.
	Format string
	// File is the path of the file that lines are appended to; empty: they go to To.
	File string
	To   io.Writer
	// Handler makes what gives lines the form of the process's log, over the writer that it is given. It is needed for
	// Structured.
	Handler func(to io.Writer) (slog.Handler, error)
	// Log is told when lines cannot be written.
	Log *slog.Logger
}

// Log is an access log. It is safe for concurrent use.
type Log struct {
	// handler gives lines the form of the process's log; nil: they are written in the formats of web servers.
	handler  slog.Handler
	combined bool
	// scratches are where lines are made.
	scratches sync.Pool

	mu      sync.Mutex
	lines   []byte // gathered; no more than enough and one line of each request that waits for a write
	pending bool   // a write will come by itself
	timer   *time.Timer

	// writing is held while lines are written, and while the file is exchanged. It is taken before mu.
	writing sync.Mutex
	written []byte // what lines is exchanged with
	to      *target
	closed  bool
}

// Open begins an access log. A file that cannot be opened, or a format that nobody knows, is errs.Invalid.
func Open(o Options) (*Log, error) {
	l := &Log{combined: o.Format == Combined}
	if o.Format != Structured && o.Format != Common && o.Format != Combined {
		return nil, errs.Field("access_log_format", "%q is not known; choose one of log, common, combined", o.Format)
	}
	l.timer = time.AfterFunc(latest, l.flush)
	l.timer.Stop()
	if o.Format == Structured {
		handler, err := o.Handler(gather{l})
		if err != nil {
			return nil, err
		}
		l.handler = handler
	}
	to, err := openTarget(o)
	if err != nil {
		return nil, err
	}
	l.to = to
	return l, nil
}

// Through gives an access log whose lines are told to a log, one by one.
func Through(log *slog.Logger) *Log { return &Log{handler: log.Handler()} }

// Named tells whether lines are those of web servers, which say which user asked, and with what, so that it is worth to find
// that out.
func (l *Log) Named() bool { return l.handler == nil }

// Tell writes a line. It waits only while the one before cannot be written.
func (l *Log) Tell(ctx context.Context, line *Line) {
	if l.handler != nil {
		if l.handler.Enabled(ctx, slog.LevelInfo) {
			_ = l.handler.Handle(ctx, line.record()) // fails with the writer, which tells of it
		}
		return
	}
	scratch, old := l.scratches.Get().(*[]byte)
	if !old {
		scratch = new([]byte)
	}
	*scratch = line.common((*scratch)[:0], l.combined)
	l.gather(*scratch)
	if cap(*scratch) <= longScratch {
		l.scratches.Put(scratch)
	}
}

// longScratch is the length in bytes from which the memory of a line is not kept.
const longScratch = 8 << 10

// gather takes a line, and writes when there is enough of them.
func (l *Log) gather(line []byte) {
	l.mu.Lock()
	l.lines = append(l.lines, line...)
	full := len(l.lines) >= enough
	if !full && !l.pending {
		l.pending = true
		l.timer.Reset(latest)
	}
	l.mu.Unlock()
	if full {
		l.flush()
	}
}

// flush writes what was gathered.
func (l *Log) flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.write()
}

// write does it; writing is held.
func (l *Log) write() {
	l.mu.Lock()
	l.timer.Stop()
	l.pending = false
	l.written, l.lines = l.lines, l.written[:0]
	l.mu.Unlock()
	if len(l.written) > 0 && !l.closed {
		l.to.write(l.written)
	}
}

// Reopen opens the file anew, for those who have renamed it. When that fails the old one stays in use.
func (l *Log) Reopen() error {
	if l.to == nil {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.write()
	return l.to.reopen()
}

// Close writes what is left. Lines that come later are lost.
func (l *Log) Close() error {
	if l.to == nil {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.write()
	l.closed = true
	return l.to.close()
}

// gather is the writer of the handler, which gives it whole lines.
type gather struct{ log *Log }

// Write takes a line.
func (g gather) Write(line []byte) (int, error) {
	g.log.gather(line)
	return len(line), nil
}

var _ io.Writer = gather{}
