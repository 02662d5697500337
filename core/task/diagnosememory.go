package task

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// memoryEvery is the time between two lines of a memory profile (rest-contract §4.12).
	memoryEvery = 2 * time.Second
	// maxMemoryBytes bounds a memory profile: some days.
	maxMemoryBytes = 4 << 20
)

// recordMemory writes a line for the beginning, for each tick and for the end: seconds, a tab, megabytes.
func recordMemory(ctx context.Context, ticks <-chan time.Time, now func() time.Time, resident func() int64) (finish func() io.Reader) {
	into := bytes.NewBufferString("# Seconds\tMemory of the process in MB\n")
	began := now()
	line := func() {
		if into.Len() < maxMemoryBytes {
			fmt.Fprintf(into, "%.1f\t%.1f\n", now().Sub(began).Seconds(), float64(resident())/(1<<20))
		}
	}
	line()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-ticks:
				line()
			}
		}
	}()
	return func() io.Reader {
		close(stop)
		<-done
		line()
		return into
	}
}

// residentPages reads the second number of /proc/self/statm, see proc_pid_statm(5).
func residentPages() (int64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	numbers := strings.Fields(string(text))
	if len(numbers) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(numbers[1], 10, 64)
	return pages, err == nil
}
