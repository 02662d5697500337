// Command bench measures Packhouse as its users meet it: over HTTP, on this machine, beside the limit that the machine
// itself has for the same work.
//
//	make bench
//	go run ./cmd/bench [-only start,upload] [-mode embedded,postgres] [-quick]
//
// It starts build/packhouse itself, each work on a server of its own with an empty data folder: embedded
// (packhouse serve, SQLite), postgres (packhouse api, content and worker on PostgreSQL and Redis, bytes in the file
// system) and s3 (the same, bytes in an S3 storage). Where those servers are is read from PACKHOUSE_TEST_POSTGRES,
// PACKHOUSE_TEST_REDIS and PACKHOUSE_TEST_S3, as the runner of the tests sets them. Everything listens on loopback and
// is stopped, and removed, at the end.
//
// A figure is the median of several runs. Where there is a peer (what the machine does without Packhouse in between)
// its runs alternate with ours, and the ratio is the median of the ratios of the pairs. Client and server share the
// processors. The table goes to standard output, all figures with their runs to build/bench.json.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	only, modes string
	quick       bool
	binary      string
	folder      string
	output      string
	profile     string
	bytes       int64
	most        int
}

func main() {
	work := run
	if len(os.Args) == 2 && os.Args[1] == roleArgument {
		work = func() error { return playRole(context.Background(), os.Stdin, os.Stdout) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is main with its deferred work done before the exit.
func run() error {
	o, err := readFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.remove()
	works, err := chosen(o)
	if err != nil {
		return err
	}
	var faults []error
	for _, w := range works {
		if err := b.measure(ctx, w); err != nil {
			faults = append(faults, err)
		}
	}
	if err := b.write(os.Stdout, filepath.Clean(o.output)); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func readFlags(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.only, "only", "", "measure only these `works`: "+strings.Join(names(), ","))
	f.StringVar(&o.modes, "mode", "", "measure only in these `modes`: "+strings.Join(modes(), ","))
	f.BoolVar(&o.quick, "quick", false, "small sizes and few runs, to see that everything works")
	f.StringVar(&o.binary, "binary", "build/packhouse", "the server's `file`")
	f.StringVar(&o.folder, "folder", "build", "`folder` for data; its disk is measured")
	f.StringVar(&o.output, "output", "build/bench.json", "`file` that all figures are written to")
	f.StringVar(&o.profile, "profile", "", "`folder` for profiles of the processes in which tasks are measured")
	f.Int64Var(&o.bytes, "bytes", 5<<30, "`size` of the uploaded file")
	f.IntVar(&o.most, "units", 1_000_000, "`number` of units of the largest repository")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.bytes, o.most = min(o.bytes, 512<<20), min(o.most, 10_000)
	}
	return o, nil
}

// chosen gives the works of the flag -only, in the order of the table.
func chosen(o options) ([]work, error) {
	wanted := list(o.only)
	for _, name := range wanted {
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("there is no work %q, choose from %s", name, strings.Join(names(), ", "))
		}
	}
	for _, name := range list(o.modes) {
		if !slices.Contains(modes(), name) {
			return nil, fmt.Errorf("there is no mode %q, choose from %s", name, strings.Join(modes(), ", "))
		}
	}
	return slices.DeleteFunc(works(), func(w work) bool { return len(wanted) > 0 && !slices.Contains(wanted, w.name) }), nil
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

// measure does one work in each mode that it is for.
func (b *bench) measure(ctx context.Context, w work) error {
	var faults []error
	for _, mode := range w.modes {
		if only := list(b.modes); len(only) > 0 && !slices.Contains(only, mode) {
			continue
		}
		begin := time.Now()
		fmt.Fprintf(os.Stderr, "bench: %s, %s\n", w.name, mode)
		if err := w.run(ctx, b, mode); err != nil {
			faults = append(faults, fmt.Errorf("%s, %s: %w", w.name, mode, err))
		}
		fmt.Fprintf(os.Stderr, "bench: %s, %s took %.0f s\n", w.name, mode, time.Since(begin).Seconds())
	}
	return errors.Join(faults...)
}
