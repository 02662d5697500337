package child

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// asParent makes the test binary a process that has a child, instead of running tests.
const asParent = "PACKHOUSE_TEST_PARENT"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asChild) != "":
		os.Exit(childMain())
	case os.Getenv(asParent) != "":
		parentMain()
	}
	os.Exit(m.Run())
}

// childMain does what the settings of the order name.
func childMain() int {
	answer, err := AnswerTo()
	if err != nil {
		panic(err)
	}
	after := func() {}
	err = Serve(context.Background(), os.Stdin, answer, func() { os.Exit(9) }, func(ctx context.Context, o Order) (any, error) {
		var how string
		if err := json.Unmarshal(o.Settings, &how); err != nil {
			return nil, err
		}
		log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
		log.Info("begun", "pid", os.Getpid())
		work, then := works(log)[how], func() {}
		result, err := work(ctx, o, &then)
		after = then
		return result, err
	})
	after()
	if err != nil {
		return 5
	}
	return 0
}

type work func(ctx context.Context, o Order, after *func()) (any, error)

// works are all that children of these tests can do.
func works(log *slog.Logger) map[string]work {
	forever := make(chan struct{})
	return map[string]work{
		"tell the order": func(_ context.Context, o Order, _ *func()) (any, error) { return o, nil },
		"nothing":        func(context.Context, Order, *func()) (any, error) { return nil, nil },
		"fail": func(context.Context, Order, *func()) (any, error) {
			return nil, fmt.Errorf("while trying: %w", errs.Coded(errs.Forbidden, "PLP0007", "It is not allowed."))
		},
		"fail inside": func(context.Context, Order, *func()) (any, error) { return nil, errors.New("a secret of ours") },
		"no JSON":     func(context.Context, Order, *func()) (any, error) { return func() {}, nil },
		"too much":    func(context.Context, Order, *func()) (any, error) { return strings.Repeat("x", task.MaxResult), nil },
		"panic": func(context.Context, Order, *func()) (any, error) {
			return nil, task.Panicked("at the disco", []byte("goroutine 1"))
		},
		"log": func(context.Context, Order, *func()) (any, error) {
			log.Warn("look", "b", 1, "a", slog.GroupValue(slog.Int("deep", 2)))
			_, _ = fmt.Print("some print\n")
			return nil, nil
		},
		"wait": func(ctx context.Context, _ Order, _ *func()) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		"deaf": func(context.Context, Order, *func()) (any, error) { <-forever; return nil, nil },
		"never leave": func(_ context.Context, _ Order, after *func()) (any, error) {
			*after = func() { <-forever }
			return "done", nil
		},
		"leave somebody": func(context.Context, Order, *func()) (any, error) {
			other := exec.Command("sleep", "1000")
			other.Stdout, other.Stderr = os.Stdout, os.Stderr
			err := other.Start()
			return other.Process.Pid, err
		},
		"exit":  func(context.Context, Order, *func()) (any, error) { os.Exit(7); return nil, nil },
		"leave": func(context.Context, Order, *func()) (any, error) { os.Exit(0); return nil, nil },
		"crash": func(context.Context, Order, *func()) (any, error) {
			go panic("all is lost")
			<-forever
			return nil, nil
		},
		"be killed": func(context.Context, Order, *func()) (any, error) {
			return nil, errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), syscall.Kill(os.Getppid(), 0))
		},
		"eat": func(ctx context.Context, _ Order, _ *func()) (any, error) {
			var eaten [][]byte
			for range 100 { // not without an end, should nobody stop it
				eaten = append(eaten, bytes.Repeat([]byte{1}, 8<<20))
			}
			<-ctx.Done()
			return len(eaten), nil
		},
	}
}

// parentMain has a child that waits, tells its number, and never ends.
func parentMain() {
	r := &Runner{Program: os.Args[0], Settings: json.RawMessage(`"deaf"`),
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil))}
	_, err := r.Run(context.Background(), claimed(), 1<<30, "")
	panic(err)
}

func claimed() *task.Row {
	worker := "1@here"
	return &task.Row{ID: "the-id", Worker: &worker}
}

// runner runs children that do one thing, and keeps what they log.
func runner(t *testing.T, how string) (*Runner, *capture) {
	t.Helper()
	settings, err := json.Marshal(how)
	if err != nil {
		t.Fatal(err)
	}
	log := &capture{lines: make(chan string, 1000)}
	return &Runner{
		Program: os.Args[0], Settings: settings, Grace: 30 * time.Second, LookEvery: time.Millisecond,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}, log
}

// much is memory that no child of these tests needs, but the one that eats; the race detector has its share.
const much = 400 << 20

// capture is a log that can be waited for.
type capture struct {
	mu    sync.Mutex
	text  strings.Builder
	lines chan string
}

func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines <- string(p)
	return c.text.Write(p)
}

func (c *capture) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// await waits for a line that holds a text.
func (c *capture) await(t *testing.T, text string) string {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case line := <-c.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-limit:
			t.Fatalf("nobody said %q", text)
		}
	}
}
