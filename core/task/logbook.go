package task

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
)

// What the log of one task holds at most. Of what comes when it is full only the last lines are kept, which tell how
// the task ended.
const (
	maxLines     = 10_000
	maxLogBytes  = 4 << 20
	maxLineBytes = 8 << 10
	lastLines    = 100
)

// logbook is the log of one run: what it said and has not been saved yet. Saving happens beside the work, together with
// the progress.
type logbook struct {
	run *Run
	// least is the level from which on lines are kept.
	least slog.Level

	mu      sync.Mutex
	pending []LogLine
	// lines and bytes are what was taken up, last what came after the log was full, left how many lines were not kept.
	lines, bytes int
	last         []LogLine
	left         int
	known, ended bool
	// copied is the text of all lines, nil where nobody wants it.
	copied *strings.Builder
}

// add takes up one line.
func (b *logbook) add(ctx context.Context, line LogLine) {
	if b.keep(line) {
		b.run.saver.add(ctx, b)
	}
}

// keep tells whether the line is the first of all.
func (b *logbook) keep(line LogLine) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	size := len(line.Message) + len(line.Attributes)
	if len(b.last) > 0 || b.lines >= maxLines-lastLines-2 || b.bytes+size > maxLogBytes-(lastLines+1)*maxLineBytes {
		b.last = append(b.last, line)
		if len(b.last) > lastLines {
			b.last = slices.Delete(b.last, 0, 1)
			b.left++
		}
		return false
	}
	if !b.known && !b.run.o.LogBegun {
		b.append(b.began(line.At))
	}
	b.lines++
	b.bytes += size
	b.append(line)
	first, b.known = !b.known, true
	return first
}

// began is the first line of a log. Tasks that have nothing to say have no log, and cost nothing.
func (b *logbook) began(otherwise time.Time) LogLine {
	row := b.run.o.Row
	line := LogLine{TaskID: row.ID, At: otherwise, Level: slog.LevelInfo.String(), Message: "The task began."}
	if row.StartedAt != nil {
		line.At = momentOf(*row.StartedAt)
	}
	if row.Worker != nil {
		line.Attributes = object(map[string]string{"worker": storable(*row.Worker)})
	}
	return line
}

func (b *logbook) append(line LogLine) {
	b.pending = append(b.pending, line)
	if b.copied != nil {
		b.copied.WriteString(line.Text() + "\n")
	}
}

// end closes the log: nothing is taken up after it.
func (b *logbook) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.ended = true
	for _, line := range b.closing() {
		b.append(line)
	}
}

// closing are the lines at the end of a log that was full.
func (b *logbook) closing() []LogLine {
	if b.left == 0 {
		return b.last
	}
	note := LogLine{TaskID: b.run.ID, At: b.last[0].At, Level: slog.LevelWarn.String(),
		Message: fmt.Sprintf("%d lines were left out here, because the log was full.", b.left)}
	return append([]LogLine{note}, b.last...)
}

// text is everything that was said until now.
func (b *logbook) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.copied == nil {
		return ""
	}
	var rest strings.Builder
	if !b.ended {
		for _, line := range b.closing() {
			rest.WriteString(line.Text() + "\n")
		}
	}
	return b.copied.String() + rest.String()
}

func (b *logbook) take() news {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		return nil
	}
	taken := &takenLines{of: b, lines: b.pending}
	b.pending = nil
	return taken
}

// takenLines are lines that are being saved.
type takenLines struct {
	of    *logbook
	lines []LogLine
}

func (l *takenLines) write(tx *db.Tx) error { return SaveLog(tx, l.lines) }

func (l *takenLines) restore() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.of.pending = append(l.lines, l.of.pending...)
}

// Log writes to the log of the process, with the task's id, and to the task's own log, which those read who may see the
// task: from the level INFO on, or all of it where the diagnostics ask for task_logs. Secrets are masked there, and
// faults of ours told as in the error of the task. It only notes, so it is safe anywhere; see Close.
func (r *Run) Log() *slog.Logger { return r.log }

// ProcessLog writes to the log of the process alone, with the task's id: what only operators are to see.
func (r *Run) ProcessLog() *slog.Logger { return r.o.Log }

// Note writes to the task's own log alone: what the log of the process has no room for, since all tasks do it.
func (r *Run) Note(ctx context.Context, level slog.Level, message string, attributes ...any) {
	r.own.Log(ctx, level, message, attributes...)
}

// NoteEnd writes how the task ends, unless it has said nothing at all.
func (r *Run) NoteEnd(ctx context.Context, state State) {
	r.book.mu.Lock()
	known := r.book.known
	r.book.mu.Unlock()
	if known {
		r.Note(ctx, slog.LevelInfo, "The task ended.", "state", string(state))
	}
}

// TakeLog closes the task's own log and gives the lines that have not been saved yet, for the transaction in which the
// task ends; see SaveLog. Without it, Close saves them.
func (r *Run) TakeLog() []LogLine {
	r.book.end()
	if taken, some := r.book.take().(*takenLines); some {
		return taken.lines
	}
	return nil
}

// openLog begins the task's own log.
func (r *Run) openLog() {
	r.book = logbook{run: r, least: slog.LevelInfo}
	if slices.Contains(r.diagnostics(), TaskLogs) {
		r.book.least, r.book.copied = slog.LevelDebug, new(strings.Builder)
	}
	own := r.book.handler(r.o.ShowFaults)
	r.own, r.log = slog.New(own), slog.New(slog.NewMultiHandler(r.o.Log.Handler(), own))
}

// line is what a record becomes in the log.
func (b *logbook) line(record slog.Record, attributes model.JSON) LogLine {
	message := bare(storable(record.Message))
	if left := len(message) - maxLineBytes; left > 0 {
		message = strings.ToValidUTF8(message[:maxLineBytes-64], "") + fmt.Sprintf(" … (%d bytes were left out)", left+64)
	}
	if size := len(message) + len(attributes); size > maxLineBytes {
		attributes = model.JSON(fmt.Sprintf(`{"left_out":"%d bytes"}`, len(attributes)))
	}
	return LogLine{TaskID: b.run.ID, At: momentOf(record.Time), Level: levelOf(record.Level), Message: message, Attributes: attributes}
}

func levelOf(l slog.Level) string {
	for _, one := range []slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo} {
		if l >= one {
			return one.String()
		}
	}
	return slog.LevelDebug.String()
}

var (
	_ source = (*logbook)(nil)
	_ news   = (*takenLines)(nil)
)
