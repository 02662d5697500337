package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/packhouse/packhouse/core/errs"
)

// How many lost files end the run at once, and how many are told by name.
const (
	tooMany = 100
	told    = 10
)

// failures are the files that could not be had, told together at the end. It is safe for concurrent use.
type failures struct {
	mu    sync.Mutex
	count int
	first error
	lines []string
}

// add notes a lost file; with too many of them it gives the error of all.
func (f *failures) add(file File, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.first == nil {
		f.first = err
	}
	if len(f.lines) < told {
		f.lines = append(f.lines, fmt.Sprintf("%s: %s", file.RelativePath, message(err)))
	}
	if f.count >= tooMany {
		return f.sum("at least ")
	}
	return nil
}

// err tells of all lost files, nil when there are none.
func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == 0 {
		return nil
	}
	return f.sum("")
}

func (f *failures) sum(least string) error {
	more := ""
	if f.count > len(f.lines) {
		more = fmt.Sprintf("\n…and %d more", f.count-len(f.lines))
	}
	kind, code := errs.Unavailable, "PLP0013"
	if e, ok := errors.AsType[*errs.Error](f.first); ok {
		kind = e.Kind
		if e.Code != "" {
			code = e.Code
		}
	}
	return errs.Coded(kind, code, "%s%d files of the upstream could not be had, so no version was made; what was fetched is kept for the next sync:\n%s%s", least, f.count, strings.Join(f.lines, "\n"), more)
}

// message is the text of an error for people, without its code, which stands at the beginning of the whole.
func message(err error) string {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return err.Error()
	}
	return strings.TrimPrefix(e.Error(), "["+e.Code+"] ")
}
