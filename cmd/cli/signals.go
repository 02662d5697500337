package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal gives a context that the first signal ends, and a channel that the second one closes; a third one ends the
// process as if nobody listened. SIGHUP is two things: at a terminal it says that the terminal was closed, which is a
// request to stop like the others; without one it comes from an operator and goes to reload. Somebody who has the signal
// ignored already, as nohup does, keeps it so.
func untilSignal(parent context.Context, terminal bool) (ctx context.Context, hurry, reload <-chan struct{}) {
	ctx, stop := context.WithCancel(parent)
	hurrying, again := make(chan struct{}), make(chan struct{}, 1)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		if terminal {
			signal.Notify(signals, syscall.SIGHUP)
		} else {
			onHangup(again)
		}
	}
	go func() {
		<-signals
		stop()
		<-signals
		close(hurrying)
		signal.Stop(signals)
	}()
	return ctx, hurrying, again
}

// onHangup sends something for SIGHUP; signals that come while one is waiting are one.
func onHangup(reload chan<- struct{}) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			select {
			case reload <- struct{}{}:
			default:
			}
		}
	}()
}
