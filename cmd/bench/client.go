package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// client calls the REST API for everything that is not itself a load.
type client struct {
	http *http.Client
	at   string
}

func (s *system) client() *client {
	return &client{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, WriteBufferSize: 256 << 10}}, at: s.apiAt}
}

// do sends a request with credentials and gives the answer's JSON in out; an answer other than 2xx is an error.
func (c *client) do(ctx context.Context, method, path string, header http.Header, body io.Reader, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+c.at+path, body)
	if err != nil {
		return err
	}
	request.SetBasicAuth(user, password)
	for name, values := range header {
		request.Header[name] = values
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = answer.Body.Close() }() // read to its end below
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s %.500s", method, path, answer.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

func (c *client) json(ctx context.Context, method, path string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.do(ctx, method, path, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(text), out)
}

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, nil, out)
}

// taskView is what the API shows of a task.
type taskView struct {
	State    string          `json:"state"`
	Error    json.RawMessage `json:"error"`
	Created  time.Time       `json:"pulp_created"`
	Started  time.Time       `json:"started_at"`
	Finished time.Time       `json:"finished_at"`
}

// send makes a request that a task answers, and gives the task's address.
func (c *client) send(ctx context.Context, method, path string, body any) (string, error) {
	var accepted struct {
		Task string `json:"task"`
	}
	err := c.json(ctx, method, path, body, &accepted)
	if err == nil && !strings.HasPrefix(accepted.Task, api) {
		err = fmt.Errorf("%s %s: the answer names no task", method, path)
	}
	return accepted.Task, err
}

// wait waits for a task to complete, looking after every, then less and less often.
func (c *client) wait(ctx context.Context, href string, every time.Duration) (t taskView, err error) {
	for ; ; every = min(every*6/5, 500*time.Millisecond) {
		t = taskView{}
		if err := c.get(ctx, href, &t); err != nil {
			return t, err
		}
		switch t.State {
		case "completed":
			return t, nil
		case "failed", "canceled", "skipped":
			return t, fmt.Errorf("task %s is %s: %s", href, t.State, t.Error)
		}
		if err := pause(ctx, every); err != nil {
			return t, err
		}
	}
}

// task is send and wait.
func (c *client) task(ctx context.Context, method, path string, body any) (taskView, error) {
	href, err := c.send(ctx, method, path, body)
	if err != nil {
		return taskView{}, err
	}
	return c.wait(ctx, href, 5*time.Millisecond)
}

// repository makes an empty repository of files and gives its address.
func (c *client) repository(ctx context.Context, name string, more map[string]any) (string, error) {
	body := map[string]any{"name": name}
	for key, value := range more {
		body[key] = value
	}
	var made struct {
		Href string `json:"pulp_href"`
	}
	err := c.json(ctx, http.MethodPost, api+"repositories/file/file/", body, &made)
	return made.Href, err
}

// pause waits, or gives up with ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
