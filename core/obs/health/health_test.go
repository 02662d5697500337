package health

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// thing is what a check asks.
type thing struct {
	asked atomic.Int64
	fault atomic.Pointer[error]
}

func (x *thing) fails(err error) { x.fault.Store(&err) }
func (x *thing) ask(context.Context) error {
	x.asked.Add(1)
	if err := x.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func expect(t *testing.T, h *Health, path string, status int, body string) {
	t.Helper()
	got, text := h.Answer(t.Context(), path)
	if got != status || string(text) != body {
		t.Errorf("%s is answered with %d %s, want %d %s", path, got, text, status, body)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		database, redis := &thing{}, &thing{}
		h := New(slog.New(slog.NewTextHandler(&told, nil)))
		expect(t, h, LivePath, 200, `{"alive":true}`)
		expect(t, h, ReadyPath, 503, `{"ready":false,"starting":true}`)
		h.Start(Check{Name: "database", Ask: database.ask}, Check{Name: "redis", Ask: redis.ask, Optional: true})
		expect(t, h, LivePath, 200, `{"alive":true}`)
		expect(t, h, ReadyPath, 200, `{"ready":true}`)
		expect(t, h, "/other", 0, "")
		redis.fails(errors.New("dial tcp 192.0.2.1: password wrong"))
		expect(t, h, ReadyPath, 200, `{"ready":true}`) // as it was a moment ago
		<-time.After(Fresh)
		expect(t, h, ReadyPath, 200, `{"ready":true,"impaired":["redis"]}`)
		database.fails(errors.New("gone"))
		<-time.After(Fresh)
		expect(t, h, ReadyPath, 503, `{"ready":false,"wrong":["database"],"impaired":["redis"]}`)
		<-time.After(Fresh)
		expect(t, h, ReadyPath, 503, `{"ready":false,"wrong":["database"],"impaired":["redis"]}`)
		expect(t, h, LivePath, 200, `{"alive":true}`)
		database.fails(nil)
		<-time.After(Fresh)
		expect(t, h, ReadyPath, 200, `{"ready":true,"impaired":["redis"]}`)
		h.Stop()
		expect(t, h, ReadyPath, 503, `{"ready":false,"stopping":true}`)
		expect(t, h, LivePath, 200, `{"alive":true}`)
		if text := told.String(); strings.Count(text, "check of the health fails") != 2 || strings.Count(text, "passes again") != 1 || !strings.Contains(text, "error=gone") {
			t.Errorf("told: %s", text)
		}
	})
}

// TestManyWhoAskAreOne: however many ask, what is checked is asked once.
func TestManyWhoAskAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		database, answer := &thing{}, make(chan struct{})
		h := New(slog.New(slog.DiscardHandler))
		h.Start(Check{Name: "database", Ask: func(ctx context.Context) error {
			<-answer
			return database.ask(ctx)
		}})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { expect(t, h, ReadyPath, 200, `{"ready":true}`) })
		}
		synctest.Wait()
		close(answer)
		all.Wait()
		if n := database.asked.Load(); n != 1 {
			t.Errorf("it was asked %d times", n)
		}
	})
}

// TestWhatDoesNotAnswerIsWrong: after two seconds; one that goes on not answering is not asked again meanwhile.
func TestWhatDoesNotAnswerIsWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		var asked atomic.Int64
		h := New(slog.New(slog.DiscardHandler))
		h.Start(Check{Name: "storage", Ask: func(context.Context) error {
			asked.Add(1)
			<-end
			return nil
		}}, Check{Name: "database", Ask: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		began := time.Now()
		expect(t, h, ReadyPath, 503, `{"ready":false,"wrong":["storage","database"]}`)
		if took := time.Since(began); took != Patience {
			t.Errorf("the answer took %s", took)
		}
		<-time.After(time.Minute)
		expect(t, h, ReadyPath, 503, `{"ready":false,"wrong":["storage","database"]}`)
		if asked.Load() != 1 {
			t.Errorf("it was asked %d times", asked.Load())
		}
		close(end)
		synctest.Wait()
	})
}

func TestOverHTTP(t *testing.T) {
	t.Parallel()
	h := New(slog.New(slog.DiscardHandler))
	h.Start(Check{Name: "a", Ask: func(context.Context) error { panic("oh") }})
	for path, want := range map[string]int{LivePath: 200, ReadyPath: 503, "/livez/": 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		if w.Code != want || w.Code != 404 && (w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store") {
			t.Errorf("%s is answered with %d %v", path, w.Code, w.Header())
		}
	}
}
