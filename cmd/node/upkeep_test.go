package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestUpkeepGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	ticks, done, calls := make(chan time.Time), make(chan struct{}), 0
	failing := purge{"apples", func(context.Context) (int64, error) { return 0, errors.New("no database") }}
	counting := purge{"pears", func(context.Context) (int64, error) { calls++; return 3, nil }}
	go func() {
		defer close(done)
		upkeep(ctx, ticks, slog.New(slog.NewTextHandler(&text, nil)), failing, counting)
	}()
	ticks <- time.Time{}
	ticks <- time.Time{} // taken only when the first round is over
	cancel()
	<-done
	if calls < 1 || calls > 2 {
		t.Errorf("the second purge ran %d times", calls)
	}
	for _, want := range []string{"what=apples", "no database", "what=pears rows=3"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log does not tell %q:\n%s", want, &text)
		}
	}
}
