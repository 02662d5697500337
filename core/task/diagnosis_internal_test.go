package task

import (
	"io"
	"testing"
	"time"
)

func TestAMemoryProfileHasALineForEachTick(t *testing.T) {
	t.Parallel()
	ticks, at, bytes := make(chan time.Time), time.Unix(100, 0), int64(0)
	read := make(chan struct{}, 10)
	now := func() time.Time { at = at.Add(time.Second); return at }
	finish := recordMemory(t.Context(), ticks, now, func() int64 { bytes += 1 << 20; read <- struct{}{}; return bytes })
	for range 2 {
		ticks <- time.Time{}
	}
	got, err := io.ReadAll(finish())
	if err != nil {
		t.Fatal(err)
	}
	if want := "# Seconds\tMemory of the process in MB\n1.0\t1.0\n2.0\t2.0\n3.0\t3.0\n4.0\t4.0\n"; string(got) != want {
		t.Errorf("the profile is %q, want %q", got, want)
	}
}

func TestTheProcessKnowsItsMemory(t *testing.T) {
	t.Parallel()
	if n := residentMemory(); n < 1<<20 || n > 1<<40 {
		t.Errorf("it has %d bytes", n)
	}
}
