package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/obs/trace"
	"github.com/packhouse/packhouse/core/task"
)

func TestAChildGetsItsOrderAndGivesItsResult(t *testing.T) {
	t.Parallel()
	r, _ := runner(t, "tell the order")
	tracer, err := trace.Open(t.Context(), trace.Options{Endpoint: "http://127.0.0.1:1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, _ := tracer.Work(t.Context(), trace.Work{})
	result, err := r.Run(ctx, claimed(), much, "/some/folder")
	if err != nil {
		t.Fatal(err)
	}
	var o Order
	if err := json.Unmarshal(result, &o); err != nil {
		t.Fatal(err)
	}
	if o.Task != "the-id" || o.Worker != "1@here" || o.Folder != "/some/folder" || o.Trace == "" || o.Trace != trace.Parent(ctx) {
		t.Errorf("the order was %+v, the trace is %s", o, trace.Parent(ctx))
	}
	r, _ = runner(t, "nothing")
	if result, err := r.Run(t.Context(), claimed(), much, ""); err != nil || len(result) > 0 {
		t.Errorf("no result is %s, %v", result, err)
	}
}

func TestErrorsOfAChildAreLikeItsOwn(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]struct {
		text, code, description, traceback string
		kind                               errs.Kind
	}{
		"fail":        {"while trying: [PLP0007] It is not allowed.", "PLP0007", "[PLP0007] It is not allowed.", "", errs.Forbidden},
		"fail inside": {"a secret of ours", "", "a secret of ours", "", errs.Internal},
		"no JSON":     {"write the result of the task as JSON", "", "write the result of the task as JSON", "", errs.Internal},
		"too much":    {"The work was done, but its result of 1048578 bytes", "", "The work was done, but its result", "", errs.TooLarge},
		"panic":       {"the task panicked: at the disco", "", "the task panicked: at the disco", "goroutine 1", errs.Internal},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r, _ := runner(t, how)
			result, err := r.Run(t.Context(), claimed(), much, "")
			if result != nil || err == nil {
				t.Fatalf("gives %s, %v", result, err)
			}
			shown := task.FailureOf(err, false)
			if !strings.HasPrefix(err.Error(), want.text) || errs.KindOf(err) != want.kind || shown.Code != want.code || !strings.HasPrefix(shown.Description, want.description) || shown.Traceback != want.traceback {
				t.Errorf("gives %v (%s), shown as %+v", err, errs.KindOf(err), shown)
			}
		})
	}
}

func TestAChildThatEndsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for how, words := range map[string][]string{
		"exit":      {"exit code 7"},
		"leave":     {"EOF"},
		"crash":     {"exit code 2"},
		"be killed": {"signal 9 (killed)"},
		"eat":       {"The task used more than 400 MiB of memory and was ended."},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r, log := runner(t, how)
			_, err := r.Run(t.Context(), claimed(), much, "")
			if err == nil {
				t.Fatal("it gives no error")
			}
			for _, word := range words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("gives %v, not %q", err, word)
				}
			}
			if how == "crash" && !strings.Contains(log.String(), "all is lost") {
				t.Errorf("the log says %s", log)
			}
		})
	}
}

func TestTheLogOfAChildIsTheParents(t *testing.T) {
	t.Parallel()
	r, log := runner(t, "log")
	if _, err := r.Run(t.Context(), claimed(), much, ""); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	for _, part := range []string{`level=WARN msg=look b=1 a=map[deep:2]`, `level=ERROR msg="the process of a task wrote what is no line of a log" text="some print\n"`} {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %s in %s", part, text)
		}
	}
}

var errEnough = errors.New("it is enough")

func TestACanceledChildEnds(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"wait", "deaf"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r, log := runner(t, how)
			if how == "deaf" {
				r.Grace = time.Millisecond
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := r.Run(ctx, claimed(), much, "")
				ended <- err
			}()
			line := log.await(t, "begun")
			cancel(errEnough)
			// One that listens says itself how it ended.
			if err := <-ended; err == nil || (how == "deaf") != errors.Is(err, errEnough) {
				t.Errorf("gives %v", err)
			}
			if alive(t, pidIn(t, line)) {
				t.Error("it still runs")
			}
			if _, err := r.Run(ctx, claimed(), much, ""); !errors.Is(err, errEnough) {
				t.Errorf("one that comes too late gives %v", err)
			}
		})
	}
}

func TestAnAnswerCountsWhateverComesAfterIt(t *testing.T) {
	t.Parallel()
	r, _ := runner(t, "never leave")
	r.Grace = 10 * time.Millisecond
	if result, err := r.Run(t.Context(), claimed(), much, ""); err != nil || string(result) != `"done"` {
		t.Errorf("gives %s, %v", result, err)
	}
}

func TestWhatAChildStartedEndsWithIt(t *testing.T) {
	t.Parallel()
	r, _ := runner(t, "leave somebody")
	r.Grace = 10 * time.Millisecond
	result, err := r.Run(t.Context(), claimed(), much, "")
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := json.Unmarshal(result, &pid); err != nil || pid == 0 {
		t.Fatalf("gives %s, %v", result, err)
	}
	dies(t, pid)
}

func TestAProgramThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	r, _ := runner(t, "nothing")
	r.Program = filepath.Join(t.TempDir(), "none")
	if _, err := r.Run(t.Context(), claimed(), much, ""); !errs.Is(err, errs.Unavailable) {
		t.Errorf("gives %v", err)
	}
	row := claimed()
	row.Worker = nil
	if _, err := r.Run(t.Context(), row, much, ""); !errs.Is(err, errs.Internal) {
		t.Errorf("a task that nobody has claimed gives %v", err)
	}
}

// TestAChildDiesWithItsParent kills the parent in a way that leaves it no time to say anything.
func TestAChildDiesWithItsParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), asParent+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var begun struct{ PID int }
	if err := json.Unmarshal([]byte(line), &begun); err != nil || begun.PID == 0 {
		t.Fatalf("the parent says %s", line)
	}
	if !alive(t, begun.PID) {
		t.Fatal("the child does not run")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	dies(t, begun.PID)
}

// dies waits for the end of a process.
func dies(t *testing.T, pid int) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for limit := time.After(time.Minute); alive(t, pid); {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("process %d goes on", pid)
		}
	}
}

func pidIn(t *testing.T, line string) int {
	t.Helper()
	_, pid, _ := strings.Cut(strings.TrimSpace(line), "pid=")
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// alive tells whether a process runs; one that nobody has buried yet does not.
func alive(t *testing.T, pid int) bool {
	t.Helper()
	text, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	state := strings.TrimSpace(string(text))
	return err == nil && state != "" && !strings.HasPrefix(state, "Z")
}
