package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.data = filepath.Join(b.data, "new")
	b.environ = []string{"PACKHOUSE_DATA=" + b.data}
	b.fails(exitPending, []string{"19 migrations have not run", "packhouse migrate"}, "migrate", "--check")
	plan := b.ok("migrate", "--plan")
	if !strings.Contains(plan, "-- core 0001_init (expand)\n") || !strings.Contains(plan, "CREATE TABLE core_domains (") {
		t.Errorf("the plan is %s", plan)
	}
	if _, err := os.Stat(b.data); err == nil {
		t.Error("looking made the data folder")
	}
	var stdout, stderr bytes.Buffer
	if code := b.process(&stdout, &stderr, "migrate").Run(t.Context()); code != 0 || strings.Contains(stderr.String(), "0001_init") {
		t.Errorf("it exited with %d, or the log told a second time what ran: %s", code, stderr.String())
	}
	ran := stdout.String()
	if !strings.Contains(ran, "ran core 0001_init in ") || !strings.Contains(ran, "log in: admin / the password in "+b.data+"/admin-password\n") {
		t.Errorf("it said %s", ran)
	}
	if got := b.ok("migrate"); got != "the database is up to date\n" {
		t.Errorf("the second run said %s", got)
	}
	for _, look := range []string{"--check", "--plan"} {
		if got := b.ok("migrate", look); got != "the database is up to date\n" {
			t.Errorf("%s said %s", look, got)
		}
	}
	if got := b.ok("migrate", "--wait"); got != "" {
		t.Errorf("--wait said %s", got)
	}
}

func TestMigrateWaitsForAnother(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	told := newWaiter("waiting: ")
	done := make(chan int, 1)
	go func() { done <- b.process(told, told, "migrate", "--wait").Run(t.Context()) }()
	if said := told.wait(t); !strings.Contains(said, "there is no database") {
		t.Errorf("it waits for %s", said)
	}
	b.ok("migrate")
	if code := <-done; code != 0 {
		t.Errorf("it exited with %d: %s", code, told.wait(t))
	}
}

func TestMigrateTakesAnInterrupt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	ctx, stop := contextUntil(t)
	told := newWaiter("waiting: ")
	done := make(chan int, 1)
	go func() { done <- b.process(told, told, "migrate", "--wait").Run(ctx) }()
	told.wait(t)
	stop()
	if code := <-done; code != exitFailed {
		t.Errorf("it exited with %d", code)
	}
}
