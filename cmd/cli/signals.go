package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal gives a context that the first signal ends, and a channel that the second one closes; a third one ends the
// process as if nobody listened. A closed terminal (SIGHUP) is a request to stop like the others, unless somebody has
// the signal ignored already, as nohup does.
func untilSignal(parent context.Context) (context.Context, <-chan struct{}) {
	ctx, stop := context.WithCancel(parent)
	hurry := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		stop()
		<-signals
		close(hurry)
		signal.Stop(signals)
	}()
	return ctx, hurry
}
