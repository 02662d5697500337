package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// idleTasks measures one task at a time on a machine that has nothing else to do, and what a worker without work takes.
func (b *bench) idleTasks(ctx context.Context, c *crew) error {
	a, err := c.dispatcher.obey(order{Do: "wait", Count: b.sized(200, 60), Lasting: 50 * time.Millisecond})
	if err != nil {
		return err
	}
	var took []float64
	for _, seconds := range a.Each {
		took = append(took, 1000*seconds)
	}
	what := fmt.Sprintf("one task at a time, dispatch call to start, of %d: ", len(took))
	b.report(figure{Work: "tasks", Mode: c.mode, What: what + "p50", Unit: "ms", Runs: []float64{quantile(took, 0.5)}, Goal: below(20)})
	b.report(figure{Work: "tasks", Mode: c.mode, What: what + "p99", Unit: "ms", Runs: []float64{quantile(took, 0.99)}, Goal: below(80),
		Notes: "slowest " + short(quantile(took, 1)) + " ms"})
	return b.idleWorker(ctx, c)
}

// idleWorker measures the share of one processor that the worker takes when there is no work. Embedded, that is the
// whole process: worker, dispatcher, heartbeats and the queue inside.
func (b *bench) idleWorker(ctx context.Context, c *crew) error {
	lasting := time.Duration(b.sized(20, 5)) * time.Second
	before, err := c.worker.processor()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := pause(ctx, lasting); err != nil {
		return err
	}
	after, err := c.worker.processor()
	if err != nil {
		return err
	}
	share := 100 * (after - before).Seconds() / time.Since(begin).Seconds()
	b.report(figure{Work: "tasks", Mode: c.mode, What: fmt.Sprintf("a worker without work, of one processor, for %s", lasting), Unit: "%", Runs: []float64{share}, Goal: below(4)})
	return nil
}

// processor gives the time of processors that the process has taken: utime and stime of /proc/PID/stat (proc(5)), which
// count hundredths of a second.
func (p *process) processor() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the times of %s: %w", p.name, err)
	}
	return processorOf(text)
}

// processorOf reads the text of /proc/PID/stat. The second field is the name of the program, in brackets, and may hold
// anything; utime and stime are the 14th and the 15th.
func processorOf(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("the times of a process are not where proc(5) has them")
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the times of a process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
