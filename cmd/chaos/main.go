// Command chaos plays havoc with the tasks of Packhouse and then looks whether anything was lost, doubled, out of order
// or left behind.
//
//	make chaos ROUNDS=200 SEED=7
//	go run ./cmd/chaos [-rounds 200] [-seed 7] [-mode servers,embedded]
//
// Each round has an empty database. Processes of the machine in package tasks (this program again, see role.go) dispatch
// and run tasks of kinds that leave traces (kinds.go), while the driver kills, stops and freezes processes, PostgreSQL
// and Redis by a plan that follows from the seed (plan.go, fault.go). Then the faults end, all tasks must end, and what
// they left in the database and in the journals must add up (check.go). The driver starts PostgreSQL and Redis itself,
// on loopback, and ends them. docs/chaos.md says how to read what it prints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if text := os.Getenv(roleVariable); text != "" {
		os.Exit(act(text))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := drive(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// campaign is what the driver is told.
type campaign struct {
	rounds int
	seed   uint64
	modes  []string
	// patience stretches every wait for something that must come about; more than 1 suits slow machines and the
	// race detector.
	patience float64
	out      io.Writer
}

// drive plays rounds until one finds a violation. The seed of a round is that of the first plus its number, so any
// round can be played alone.
func drive(ctx context.Context, args []string, out io.Writer) error {
	c, err := campaignOf(args, out)
	if err != nil {
		return err
	}
	return c.play(ctx)
}

func campaignOf(args []string, out io.Writer) (campaign, error) {
	c := campaign{out: out}
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.IntVar(&c.rounds, "rounds", 200, "`number` of rounds")
	f.Uint64Var(&c.seed, "seed", 0, "`seed` of the first round, each next one has the next; 0 takes the time of day")
	mode := f.String("mode", servers+","+embedded, "`ways` to run: "+servers+" (PostgreSQL, Redis, many processes), "+embedded+" (SQLite, one process)")
	f.Float64Var(&c.patience, "patience", 1, "`factor` for all waits that end in a violation")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	for m := range strings.SplitSeq(*mode, ",") {
		if m != servers && m != embedded {
			return c, fmt.Errorf("there is no mode %q, choose from %s and %s", m, servers, embedded)
		}
		c.modes = append(c.modes, m)
	}
	if c.seed == 0 {
		c.seed = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	return c, nil
}

func (c campaign) play(ctx context.Context) (err error) {
	c.tell("seed %d, %s\n", c.seed, c.length())
	g, err := newGround(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.remove()) }()
	var total tally
	for n := range uint64(c.rounds) {
		p := planOf(c.seed+n, c.modes)
		begin := time.Now()
		sum, err := g.round(ctx, p)
		if err != nil {
			return fmt.Errorf("round %d failed; to play it again: make chaos ROUNDS=1 SEED=%d\n%s\n%w", n+1, p.Seed, p, err)
		}
		total = total.plus(sum)
		c.tell("round %d/%d, seed %d, %s: %s; %s; %.1f s\n", n+1, c.rounds, p.Seed, p.Mode, sum, p.short(), time.Since(begin).Seconds())
	}
	c.tell("no violation in %s: %s\n", c.length(), total)
	return nil
}

func (c campaign) length() string {
	if c.rounds == 1 {
		return "1 round"
	}
	return fmt.Sprintf("%d rounds", c.rounds)
}

// tell prints one line; that nobody reads it changes nothing.
func (c campaign) tell(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format, args...) }
