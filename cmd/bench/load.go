package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is how many clients do something again and again, each on a connection of its own.
type load struct {
	address string
	clients int
	// count ends the load after so many rounds, lasting after that time; one of them is given.
	count   int
	lasting time.Duration
	// round is one turn; n counts over all clients.
	round func(ctx context.Context, w *wire, n int) error
}

// outcome is what a load brought.
type outcome struct {
	rate float64   // rounds in a second
	took []float64 // of each round, in ms, in no order
}

// run runs the load to its end; the first error ends it.
func (l load) run(ctx context.Context) (outcome, error) {
	if l.lasting > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.lasting+time.Minute)
		defer cancel()
	}
	var next atomic.Int64
	took := make([][]float64, l.clients)
	group, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for c := range l.clients {
		group.Go(func() error {
			w, err := dial(ctx, l.address)
			if err != nil {
				return err
			}
			defer w.close()
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				at := time.Now()
				if l.count > 0 && n >= l.count || l.lasting > 0 && at.Sub(begin) >= l.lasting {
					return nil
				}
				if err := l.round(ctx, w, n); err != nil {
					return err
				}
				took[c] = append(took[c], milliseconds(time.Since(at)))
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return outcome{}, err
	}
	seconds := time.Since(begin).Seconds()
	var o outcome
	for _, one := range took {
		o.took = append(o.took, one...)
	}
	o.rate = float64(len(o.took)) / seconds
	return o, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// fetch is a round that sends the same request each time and wants status 200.
func fetch(request []byte) func(context.Context, *wire, int) error {
	return func(_ context.Context, w *wire, _ int) error { return expect(w, request, 200) }
}

// expect sends a request and wants a status.
func expect(w *wire, request []byte, want int) error {
	status, body, err := w.ask(request)
	if err == nil && status != want {
		err = fmt.Errorf("the answer is %d where %d was expected: %.300s", status, want, body)
	}
	return err
}
