package child

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/packhouse/packhouse/core/errs"
)

// Serve is the child's side. It reads the order from stdin, does the work, and answers with its result or error. The
// context of the work ends when the parent says so. When stdin ends before the work, the parent is gone: orphaned is
// called, and must end the process. A stdin without an order, or an answer that cannot be written, is an error.
func Serve(ctx context.Context, stdin io.Reader, out io.Writer, orphaned func(), work func(ctx context.Context, o Order) (any, error)) error {
	var o Order
	if err := readFrame(stdin, &o); err != nil {
		return errs.New(errs.Invalid, "there is no order on standard input; this command is started by a worker, not by people: %w", err)
	}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan struct{})
	go func() {
		listen(stdin, cancel)
		select {
		case <-answered:
		default:
			orphaned()
		}
	}()
	result, err := work(working, o)
	close(answered)
	if err := writeFrame(out, answerOf(result, err)); err != nil {
		return fmt.Errorf("give back how the task ended: %w", err)
	}
	return nil
}

// listen returns when the parent is gone, or sends what nobody understands.
func listen(stdin io.Reader, cancel func()) {
	for readFrame(stdin, &stop{}) == nil {
		cancel()
	}
}

// AnswerTo is the file that this process, started as a child, has to write its answer to. In any other process it is
// errs.Invalid.
func AnswerTo() (*os.File, error) {
	var is syscall.Stat_t
	// What has the descriptor in any other process must be left alone.
	if os.Getenv(asChild) == "" || syscall.Fstat(answerFile, &is) != nil || is.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil, errs.New(errs.Invalid, "nobody waits for an answer; this command is started by a worker, not by people")
	}
	syscall.CloseOnExec(answerFile) // not for what the work starts
	return os.NewFile(answerFile, "answer"), nil
}
