package migrations_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/db/schema"
	"github.com/packhouse/packhouse/migrations"
)

// victim is the variable that makes this test binary a process to be killed; it holds the address of the database.
const victim = "PACKHOUSE_TEST_VICTIM"

func TestMain(m *testing.M) {
	if url := os.Getenv(victim); url != "" {
		if err := die(url); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// die runs two migrations and stops in the middle of the second, after its tables and rows are made.
func die(url string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{URL: url})
	if err != nil {
		return err
	}
	h := app("a", "", "", "")
	h.Migrations[1].Go = func(ctx context.Context, tx *db.Tx) error {
		if err := tx.Exec("DELETE FROM a_1").Error; err != nil {
			return err
		}
		fmt.Println("inside")
		select {}
	}
	r, err := migrations.New(d, []schema.History{h}, migrations.Options{})
	if err != nil {
		return err
	}
	return r.Apply(ctx, nil)
}

// TestKilledInTheMiddle kills a process without warning in the middle of a step, and runs the rest.
func TestKilledInTheMiddle(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		d := open(t, url)
		apply(t, runner(t, d, migrations.Options{}, app("a", "")))
		run(t, d, "INSERT INTO a_1 VALUES (?, 'x')", "00000000-0000-7000-8000-000000000001")
		process := exec.CommandContext(t.Context(), os.Args[0])
		process.Env = append(os.Environ(), victim+"="+url)
		out, err := process.StdoutPipe()
		must(t, err)
		must(t, process.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "inside\n" {
			t.Fatalf("the process says %q: %v", line, err)
		}
		must(t, process.Process.Kill())
		_ = process.Wait()
		var n int
		must(t, d.Read(t.Context()).Raw("SELECT count(*) FROM a_1").Scan(&n).Error)
		if n != 1 || exists(t, d, "a_2") {
			t.Errorf("half a step has stayed: %d rows", n)
		}
		r := runner(t, d, migrations.Options{}, app("a", "", "", ""))
		if n := pending(t, r); n != 2 {
			t.Errorf("%d pending", n)
		}
		if ran := apply(t, r); len(ran) != 2 || !exists(t, d, "a_3") {
			t.Errorf("the next runner ran %v", ran)
		}
	})
}
