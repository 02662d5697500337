// Package health says whether a process lives and whether it can do its work, for load balancers and supervisors.
package health

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The paths of the answers.
const (
	LivePath  = "/livez"
	ReadyPath = "/readyz"
)

const (
	// Patience is how long a check may take.
	Patience = 2 * time.Second
	// Fresh is how old an answer may be: however many ask, what is checked is asked no more often.
	Fresh = time.Second
)

// Check is something that a process uses.
type Check struct {
	// Name is what answers call it.
	Name string
	// Ask fails when it cannot be used. The error is for the log; its text is in no answer.
	Ask func(ctx context.Context) error
	// Optional says that the process does its work without it.
	Optional bool
}

// Health knows the state of a process. It is safe for concurrent use.
type Health struct {
	log *slog.Logger
	// checks are nil as long as the process starts.
	checks   atomic.Pointer[[]Check]
	stopping atomic.Bool

	mu    sync.Mutex
	round *round // the last one
	// failed are the checks that the log was told of.
	failed map[string]bool
}

// New makes the health of a process that starts.
func New(log *slog.Logger) *Health { return &Health{log: log, failed: map[string]bool{}} }

// Start says that the process has started, and what it uses.
func (h *Health) Start(checks ...Check) { h.checks.Store(&checks) }

// Stop says that the process ends: it lives, but nothing new should be sent to it.
func (h *Health) Stop() { h.stopping.Store(true) }

// Answer is what a path is answered with; status 0: the path is none of ours.
func (h *Health) Answer(ctx context.Context, path string) (status int, body []byte) {
	switch path {
	case LivePath:
		return http.StatusOK, []byte(`{"alive":true}`)
	case ReadyPath:
		return h.ready(ctx)
	}
	return 0, nil
}

// State is the body of the answer about readiness.
type State struct {
	Ready bool `json:"ready"`
	// Wrong are the names of what the process needs and does not have.
	Wrong []string `json:"wrong,omitempty"`
	// Impaired are the names of what it does without.
	Impaired []string `json:"impaired,omitempty"`
	Starting bool     `json:"starting,omitempty"`
	Stopping bool     `json:"stopping,omitempty"`
}

func (h *Health) ready(ctx context.Context) (int, []byte) {
	checks := h.checks.Load()
	s := State{Stopping: h.stopping.Load(), Starting: checks == nil}
	if !s.Stopping && !s.Starting {
		s.Wrong, s.Impaired = h.look(ctx, *checks)
	}
	s.Ready = len(s.Wrong) == 0 && !s.Stopping && !s.Starting
	body, err := json.Marshal(s)
	if err != nil || !s.Ready {
		return http.StatusServiceUnavailable, body
	}
	return http.StatusOK, body
}

// ServeHTTP answers, for servers of net/http.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body := h.Answer(r.Context(), r.URL.Path)
	if status == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked may be gone
}

var _ http.Handler = (*Health)(nil)
