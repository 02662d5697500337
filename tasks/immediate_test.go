package tasks

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

func TestAnImmediateTaskIsOverWhenTheTransactionReturns(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		b.set("quick", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			return "quick", run.InTx(ctx, func(tx *db.Tx) error { return run.Created(tx, "test.thing", "1", "things/1/") })
		})
		m := b.process()
		row := dispatch(t, m, jobArgs{Work: "quick", Ex: []string{"r"}}, task.Immediate())
		if row.State != task.Completed || string(row.Result) != `"quick"` || !row.Immediate || *row.Worker != m.self() {
			t.Errorf("row is %+v, error %s", row, row.Error)
		}
	})
}

func TestAnImmediateTaskWhoseResourcesAreTakenIsLeftToAWorker(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		k := b.blocker("block")
		m := b.worker()
		first := dispatch(t, m, jobArgs{Work: "block", Ex: []string{"r"}})
		receive(t, k.begun)
		row := dispatch(t, m, jobArgs{Ex: []string{"r"}}, task.Immediate())
		if row.State != task.Waiting {
			t.Errorf("it is %s", row.State)
		}
		close(k.end)
		wait(t, m, first.ID, task.Completed)
		wait(t, m, row.ID, task.Completed)
	})
}

func TestImmediateTasksAreDeferredWhereThatIsPreferredOrNobodyCanClaim(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		preferring, unknown := b.process(func(o *Options) { o.PreferDefer = true }), b.machine()
		for _, m := range []*Tasks{preferring, unknown} {
			if row := dispatch(t, m, jobArgs{}, task.Immediate()); !row.Ready() {
				t.Errorf("row is %+v", row)
			}
		}
	})
}

func TestAnImmediateTaskThatTakesTooLongFailsAndHasNoLateEffect(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		proceed, late := make(chan struct{}), make(chan error, 1)
		b.set("slow", func(ctx context.Context, run *task.Run, _ jobArgs) (any, error) {
			<-proceed // deaf to its context
			err := run.InTx(context.WithoutCancel(ctx), func(tx *db.Tx) error { return run.Created(tx, "test.thing", "1", "things/1/") })
			late <- err
			return nil, err
		})
		m := b.process(func(o *Options) { o.ImmediateLimit = 10 * time.Millisecond })
		row := dispatch(t, m, jobArgs{Work: "slow", Ex: []string{"r"}}, task.Immediate())
		var f task.Failure
		must(t, json.Unmarshal(row.Error, &f))
		if row.State != task.Failed || f.Code != "PLP0024" || !strings.HasPrefix(f.Description, "[PLP0024] ") {
			t.Errorf("it is %s with %s", row.State, row.Error)
		}
		if next := dispatch(t, m, jobArgs{Ex: []string{"r"}}); !next.Ready() {
			t.Error("its resources are not free")
		}
		close(proceed)
		if err := receive(t, late); !errs.Is(err, errs.Canceled) {
			t.Errorf("its late change says %v", err)
		}
	})
}
