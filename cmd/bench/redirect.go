package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// measureRedirect measures how many clients a second are sent to the object storage, and what of a processor that takes.
func measureRedirect(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	g := sizes()[0]
	if err := s.publish(ctx, map[string][]byte{g.file(): random(g.size)}); err != nil {
		return err
	}
	request := getRequest(s.contentAt, g.path())
	round := func(_ context.Context, w *wire, _ int) error { return expect(w, request, http.StatusFound) }
	f := figure{Work: "redirect", Mode: mode, What: fmt.Sprintf("links to the object storage, %d connections, for each processor that the process takes", g.clients), Unit: "/s", Goal: atLeast(10_000)}
	var rates []float64
	for range b.runs() {
		before, err := s.serving().seconds()
		if err != nil {
			return err
		}
		o, err := load{address: s.contentAt, clients: g.clients, lasting: b.lasting(), round: round}.run(ctx)
		if err != nil {
			return err
		}
		after, err := s.serving().seconds()
		if err != nil {
			return err
		}
		f.Runs, rates = append(f.Runs, float64(len(o.took))/(after-before)), append(rates, o.rate)
	}
	f.Notes = fmt.Sprintf("%s/s beside the client on this machine", short(median(rates)))
	b.report(f)
	return nil
}

// seconds is the time of processors that a process has taken, from /proc/PID/stat (proc(5), fields 14 and 15, in hundredths).
func (p *process) seconds() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the time of %s: %w", p.name, err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("the state of %s has no times", p.name)
	}
	ticks := 0.0
	for _, field := range fields[11:13] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, fmt.Errorf("read the time of %s: %w", p.name, err)
		}
		ticks += n
	}
	return ticks / 100, nil
}
