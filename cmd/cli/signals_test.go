package cli

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// Signals belong to the whole process, so this test has it for itself.
func TestSIGHUPReloadsTheFirstSignalStopsAndTheSecondHurries(t *testing.T) {
	ctx, hurry, reload := untilSignal(t.Context(), false)
	for _, step := range []struct {
		signal syscall.Signal
		heard  <-chan struct{}
	}{{syscall.SIGHUP, reload}, {syscall.SIGTERM, ctx.Done()}, {syscall.SIGINT, hurry}} {
		select {
		case <-step.heard:
			t.Fatalf("heard before %s was sent", step.signal)
		default:
		}
		if err := syscall.Kill(os.Getpid(), step.signal); err != nil {
			t.Fatal(err)
		}
		select {
		case <-step.heard:
		case <-time.After(time.Minute):
			t.Fatalf("%s was not heard", step.signal)
		}
	}
}
