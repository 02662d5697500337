package main

import (
	"context"
	"errors"
	"os"
	"time"
)

// settle is how long a started system is left alone before its memory is read.
const settle = 10 * time.Second

// measureStart measures how long a start over an existing data folder takes until the first answer, the memory of an
// idle system, and the binary.
func measureStart(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	f := figure{Work: "start", Mode: mode, What: "cold start to the first answer", Unit: "s"}
	if mode == embedded {
		f.Goal = below(1)
	}
	for range b.runs() {
		if err := s.halt(); err != nil {
			return err
		}
		begin := time.Now()
		if err := s.launch(ctx); err != nil {
			return err
		}
		f.Runs = append(f.Runs, time.Since(begin).Seconds())
	}
	b.report(f)
	return b.idle(ctx, s)
}

func (b *bench) idle(ctx context.Context, s *system) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	rss, err := s.memory("VmRSS")
	if err != nil {
		return err
	}
	f := figure{Work: "start", Mode: s.mode, What: "memory of all processes after 10 s without work", Unit: "MiB", Runs: []float64{rss}}
	if s.mode != embedded {
		b.report(f)
		return nil
	}
	f.Goal = below(80)
	b.report(f)
	info, err := os.Stat(b.binary)
	if err != nil {
		return errors.Join(errors.New("look at the binary"), err)
	}
	b.report(figure{Work: "start", Mode: s.mode, What: "size of the binary", Unit: "MB", Runs: []float64{float64(info.Size()) / 1e6}, Goal: below(80)})
	return nil
}
