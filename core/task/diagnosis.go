package task

import (
	"bytes"
	"context"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

// Keep keeps what was recorded of a task under a name.
type Keep func(ctx context.Context, row *Row, name string, content io.Reader) error

// Recording records what the diagnostics of a task ask for. Nothing that goes wrong with it disturbs the work: the
// task's log tells it.
type Recording struct {
	run  *Run
	keep Keep
	// open are the recorders by name, in the order in which they are to end.
	open []openRecorder
}

type openRecorder struct {
	name string
	// finish ends it and gives what was recorded; nil is nothing.
	finish func() io.Reader
}

// Record begins to record what the diagnostics of the task ask for; Finish must follow, before Close. Where keep is
// nil, or nothing is asked for, nothing is recorded.
func (r *Run) Record(ctx context.Context, keep Keep) *Recording {
	d := &Recording{run: r, keep: keep}
	if keep == nil {
		return d
	}
	for _, name := range r.diagnostics() {
		finish, err := r.recorder(ctx, name)
		if err != nil {
			r.Log().Warn("What was asked for is not recorded.", "name", name, "reason", err)
			continue
		}
		d.open = append(d.open, openRecorder{name, finish})
	}
	return d
}

// Finish ends the recording and keeps what there is, which may take as long as the storage does.
func (d *Recording) Finish(ctx context.Context) {
	for _, one := range d.open {
		content := one.finish()
		if content == nil {
			continue
		}
		if err := d.keep(ctx, d.run.o.Row, one.name, content); err != nil {
			d.run.Log().Warn("What was recorded could not be kept.", "name", one.name, "error", err)
		}
	}
	d.open = nil
}

// recorder begins to record one thing.
func (r *Run) recorder(ctx context.Context, name string) (finish func() io.Reader, err error) {
	switch name {
	case MemoryProfile:
		every := time.NewTicker(memoryEvery)
		record := recordMemory(ctx, every.C, time.Now, residentMemory)
		return func() io.Reader { every.Stop(); return record() }, nil
	case CPUProfile:
		return recordCPU()
	case HeapProfile:
		return recordHeap, nil
	case TaskLogs:
		return func() io.Reader { return strings.NewReader(r.book.text()) }, nil
	}
	return nil, errs.New(errs.Unsupported, "this process cannot record %s", name)
}

// recordCPU profiles the whole process, which only one can do at a time.
func recordCPU() (finish func() io.Reader, err error) {
	into := new(bytes.Buffer)
	if err := pprof.StartCPUProfile(into); err != nil {
		return nil, errs.New(errs.Unavailable, "another profile of this process is being taken; try again when that task has ended")
	}
	return func() io.Reader { pprof.StopCPUProfile(); return into }, nil
}

// recordHeap is what the process has in use when the work is done, and where that was allocated.
func recordHeap() io.Reader {
	runtime.GC() // the profile is of the last collection
	into := new(bytes.Buffer)
	if err := pprof.WriteHeapProfile(into); err != nil {
		return nil // a buffer takes everything
	}
	return into
}

// residentMemory is how much memory of the machine the process holds, in bytes; where the system does not tell, how
// much it has asked for.
func residentMemory() int64 {
	if pages, ok := residentPages(); ok {
		return pages * int64(os.Getpagesize())
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(min(stats.Sys, 1<<62)) // it fits by far
}
