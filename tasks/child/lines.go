package child

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const (
	// maxLine is how much of a line is kept, in bytes.
	maxLine = 64 << 10
	// maxStray is how much is kept of what is not a line of the log, in bytes: a panic shows what matters first.
	maxStray = 16 << 10
)

// lines takes what a child writes. Lines of its log go into log; the rest, such as what the runtime of Go says when it
// gives up, becomes one record at the end.
type lines struct {
	// ctx is that of the work, for what the log makes of it.
	ctx   context.Context
	log   *slog.Logger
	part  []byte
	stray bytes.Buffer
}

// Write takes any piece. It never fails, which would end the child.
func (l *lines) Write(piece []byte) (int, error) {
	n := len(piece)
	for {
		line, rest, whole := bytes.Cut(piece, []byte("\n"))
		l.part = append(l.part, line[:min(len(line), maxLine-len(l.part))]...)
		if !whole {
			return n, nil
		}
		l.line(l.part)
		l.part, piece = l.part[:0], rest
	}
}

func (l *lines) close() {
	if len(l.part) > 0 {
		l.line(l.part)
	}
	if l.stray.Len() > 0 {
		l.log.Error("the process of a task wrote what is no line of a log", "text", l.stray.String())
	}
}

func (l *lines) line(text []byte) {
	if record, ok := recordOf(text); ok {
		if h := l.log.Handler(); h.Enabled(l.ctx, record.Level) {
			_ = h.Handle(l.ctx, record)
		}
		return
	}
	text = text[:max(0, min(len(text), maxStray-l.stray.Len()))]
	if len(bytes.TrimSpace(text)) > 0 {
		l.stray.WriteString(strings.ToValidUTF8(string(text), "�") + "\n")
	}
}

// recordOf reads a line that slog's JSON handler wrote.
func recordOf(line []byte) (slog.Record, bool) {
	var head struct {
		Time  time.Time  `json:"time"`
		Level slog.Level `json:"level"`
		Msg   *string    `json:"msg"`
	}
	if json.Unmarshal(line, &head) != nil || head.Msg == nil || head.Time.IsZero() {
		return slog.Record{}, false
	}
	record := slog.NewRecord(head.Time, head.Level, *head.Msg, 0)
	attributes, err := membersOf(line)
	if err != nil {
		return slog.Record{}, false
	}
	record.AddAttrs(attributes...)
	return record, true
}

// membersOf reads the members of an object in their order, but for those of every record.
func membersOf(object []byte) (out []slog.Attr, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if key := fmt.Sprint(name); key != "time" && key != "level" && key != "msg" {
			out = append(out, slog.Any(key, value))
		}
	}
	return out, nil
}
