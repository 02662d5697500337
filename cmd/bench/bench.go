package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// bench is one run of the program.
type bench struct {
	options
	dir     string // of everything temporary, on the disk that is measured
	figures []figure
	made    atomic.Int64
}

func newBench(o options) (*bench, error) {
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return nil, fmt.Errorf("find the server %s: %w", o.binary, err)
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("there is no server to measure, run make build first: %w", err)
	}
	o.binary = binary
	if err := os.MkdirAll(o.folder, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder for data: %w", err)
	}
	folder, err := filepath.Abs(o.folder)
	if err != nil {
		return nil, fmt.Errorf("find the folder %s: %w", o.folder, err)
	}
	if o.profile != "" {
		if o.profile, err = filepath.Abs(o.profile); err != nil {
			return nil, fmt.Errorf("find the folder for profiles: %w", err)
		}
		if err := os.MkdirAll(o.profile, 0o750); err != nil {
			return nil, fmt.Errorf("make the folder for profiles: %w", err)
		}
	}
	dir, err := os.MkdirTemp(folder, "bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for data: %w", err)
	}
	return &bench{options: o, dir: dir}, nil
}

func (b *bench) remove() {
	if err := os.RemoveAll(b.dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench: remove what was measured:", err)
	}
}

// number gives a new number to every caller, for names.
func (b *bench) number() int64 { return b.made.Add(1) }

// runs is how often something is measured.
func (b *bench) runs() int {
	if b.quick {
		return 3
	}
	return 5
}

// folderFor makes a new temporary folder.
func (b *bench) folderFor(what string) (string, error) {
	return os.MkdirTemp(b.dir, what+"-")
}

func (b *bench) report(f figure) {
	b.figures = append(b.figures, f)
	fmt.Fprintf(os.Stderr, "bench:   %s\n", f.line())
}
