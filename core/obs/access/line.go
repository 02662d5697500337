package access

import (
	"log/slog"
	"net/netip"
	"time"
)

// Line is a request that was answered.
type Line struct {
	// Began is when the request came, in the time zone that lines are to have.
	Began time.Time
	// Took is how long it was from there to the last byte of the answer.
	Took time.Duration
	// Client is who asked: the address behind the proxies that are trusted. The zero address is not known.
	Client netip.Addr
	// User is the name of the user, where it was found out.
	User string
	// Method, Path and Protocol are those of the request. The path is without the query, which may hold what opens doors.
	Method, Path, Protocol string
	// Referer and Agent are the headers Referer and User-Agent.
	Referer, Agent string
	// Status is that of the answer, Bytes the length of its body; less than nothing is not known.
	Status int
	Bytes  int64
	// Broken is why the answer was broken off, if it was.
	Broken string
	// API says that the API was asked, and not the content server; CID is its correlation id.
	API bool
	CID string
}

// record is the line as the log of the process has it.
func (l *Line) record() slog.Record {
	if l.API {
		return l.ofAPI()
	}
	r := slog.NewRecord(l.Began.Add(l.Took), slog.LevelInfo, "content request", 0)
	r.AddAttrs(
		slog.String("client", l.Client.String()), slog.String("method", l.Method), slog.String("path", l.Path),
		slog.Int("status", l.Status), slog.Int64("bytes", l.Bytes), slog.Float64("ms", l.milliseconds()),
	)
	if l.Broken != "" {
		r.AddAttrs(slog.String("broken_off", l.Broken))
	}
	return r
}

func (l *Line) ofAPI() slog.Record {
	r := slog.NewRecord(l.Began.Add(l.Took), slog.LevelInfo, "request", 0)
	r.AddAttrs(
		slog.String("cid", l.CID), slog.String("client", l.Client.String()), slog.String("method", l.Method), slog.String("path", l.Path),
		slog.Int("status", l.Status), slog.Int64("bytes", l.Bytes), slog.Float64("ms", l.milliseconds()),
	)
	return r
}

// milliseconds is the time that the answer took, with three decimals at most.
func (l *Line) milliseconds() float64 { return float64(l.Took.Microseconds()) / 1000 }
