package main

import (
	"os"
	"testing"
)

func TestRunCommandGivesTheExitCode(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   int
	}{
		"success":          {"exit 0", 0},
		"failure":          {"exit 3", 3},
		"environment":      {`test "$PROBE" = here`, 0},
		"ended by signal":  {"kill -KILL $$", 137},
		"interrupt passed": {"trap 'kill $!; exit 7' INT; sleep 60 & kill -INT $PPID; wait", 7},
		"end passed":       {"trap 'kill $!; exit 8' TERM; sleep 60 & kill -TERM $PPID; wait", 8},
	} {
		// Not parallel: a signal to this process reaches every command that it runs.
		t.Run(name, func(t *testing.T) {
			code, err := runCommand([]string{"sh", "-c", c.script}, append(os.Environ(), "PROBE=here"))
			if err != nil || code != c.want {
				t.Errorf("got %d, %v, want %d", code, err, c.want)
			}
		})
	}
}

func TestRunCommandSaysThatThereIsNoSuchCommand(t *testing.T) {
	t.Parallel()
	code, err := runCommand([]string{"/no/such/command"}, nil)
	if err == nil || code != exitTrouble {
		t.Errorf("got %d, %v, want %d and an error", code, err, exitTrouble)
	}
}
