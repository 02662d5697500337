package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// tasksOverHTTP measures empty changes of repositories, from the first request to the end of the last task.
func (b *bench) tasksOverHTTP(ctx context.Context, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	repositories := make([]string, 200)
	err = each(ctx, len(repositories), func(ctx context.Context, i int) (err error) {
		repositories[i], err = s.client().repository(ctx, fmt.Sprintf("t%03d", i), nil)
		return err
	})
	if err != nil {
		return err
	}
	many := figure{Work: "tasks", Mode: mode, What: "empty modify on 200 repositories over HTTP, 8 clients, first request to last finish", Unit: "/s", Goal: atLeast(300)}
	one := figure{Work: "tasks", Mode: mode, What: "100 empty modifies of one repository, the same", Unit: "/s", Goal: atLeast(150)}
	for i := range b.runs() {
		rate, err := s.modifies(ctx, len(repositories), func(n int) string { return repositories[n] })
		if err != nil {
			return err
		}
		many.Runs = append(many.Runs, rate)
		if rate, err = s.modifies(ctx, 100, func(int) string { return repositories[i] }); err != nil {
			return err
		}
		one.Runs = append(one.Runs, rate)
	}
	b.report(many)
	b.report(one)
	return nil
}

// modifies sends count empty changes of repositories and waits until no task is left; it gives tasks in a second.
func (s *system) modifies(ctx context.Context, count int, repository func(n int) string) (float64, error) {
	before, err := s.tasksIn(ctx, "completed")
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	_, err = load{address: s.apiAt, clients: dispatchers, count: count, round: func(_ context.Context, w *wire, n int) error {
		return expect(w, jsonRequest(s.apiAt, repository(n)+"modify/", `{"add_content_units":[]}`), http.StatusAccepted)
	}}.run(ctx)
	if err != nil {
		return 0, err
	}
	for left := 1; left > 0; {
		if time.Since(begin) > 2*stuck {
			return 0, fmt.Errorf("%d tasks are left after %s", left, 2*stuck)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return 0, err
		}
		if left, err = s.tasksIn(ctx, "waiting", "running", "canceling"); err != nil {
			return 0, err
		}
	}
	after, err := s.tasksIn(ctx, "completed")
	if err == nil && after != before+count {
		err = fmt.Errorf("%d of %d tasks are completed", after-before, count)
	}
	if err != nil {
		return 0, err
	}
	end, err := s.lastFinish(ctx)
	return float64(count) / end.Sub(begin).Seconds(), err
}

// tasksIn counts the tasks in some states.
func (s *system) tasksIn(ctx context.Context, states ...string) (int, error) {
	var page struct {
		Count int `json:"count"`
	}
	query := url.Values{"limit": {"1"}, "fields": {"state"}, "state__in": {strings.Join(states, ",")}}
	err := s.client().get(ctx, api+"tasks/?"+query.Encode(), &page)
	return page.Count, err
}

// lastFinish is when the last task finished.
func (s *system) lastFinish(ctx context.Context) (time.Time, error) {
	var page struct {
		Results []taskView `json:"results"`
	}
	if err := s.client().get(ctx, api+"tasks/?limit=1&ordering=-finished_at&state=completed", &page); err != nil {
		return time.Time{}, err
	}
	if len(page.Results) != 1 {
		return time.Time{}, fmt.Errorf("no task has finished")
	}
	return page.Results[0].Finished, nil
}

// jsonRequest writes a POST of JSON with credentials.
func jsonRequest(host, path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, host, authorization(), len(body), body)
}

// each runs f for 0 to n-1, eight at a time.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range n {
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
}
