package access

import (
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/packhouse/packhouse/core/errs"
)

// target is where lines go.
type target struct {
	to   io.Writer
	file *os.File // to, when it is a file of ours
	path string
	log  *slog.Logger
	// failing is set while nothing can be written, torn when the last line that was written has no end.
	failing, torn bool
}

func openTarget(o Options) (*target, error) {
	t := &target{to: o.To, path: o.File, log: o.Log}
	if t.path == "" {
		return t, nil
	}
	return t, t.open()
}

// open opens the file, or makes it. A pipe that nobody reads must not hold up the process.
func (t *target) open() error {
	file, err := os.OpenFile(t.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return errs.New(errs.Invalid, "open the file of access_log_file, does its folder exist and may this user write there? %w", err)
	}
	t.to, t.file = file, file
	return nil
}

func (t *target) reopen() error {
	if t.path == "" {
		return nil
	}
	old := t.file
	if err := t.open(); err != nil {
		return err
	}
	t.torn = false
	if err := old.Close(); err != nil { // some file systems tell only here that bytes were lost
		t.log.Error("the end of the old access log may be lost", "error", err)
	}
	return nil
}

// write writes lines. That they cannot be written is told once, until they can be.
func (t *target) write(lines []byte) {
	if t.torn {
		if _, err := t.to.Write([]byte{'\n'}); err != nil {
			return // as it was told
		}
		t.torn = false
	}
	n, err := t.to.Write(lines)
	if n > 0 && n < len(lines) {
		t.torn = lines[n-1] != '\n'
	}
	switch {
	case err != nil && !t.failing:
		t.log.Error("the access log cannot be written; its lines are lost until it can", "error", err)
	case err == nil && t.failing:
		t.log.Info("the access log is written again")
	}
	t.failing = err != nil
}

func (t *target) close() error {
	if t.file == nil {
		return nil
	}
	if err := t.file.Close(); err != nil {
		return errs.New(errs.Unavailable, "close the access log, its end may be lost: %w", err)
	}
	return nil
}
