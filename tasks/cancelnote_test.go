package tasks

import (
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// said are the messages in the log of a task.
func said(t *testing.T, b *bed, id string) (messages []string) {
	t.Helper()
	must(t, b.db.Read(t.Context()).Model(&task.LogLine{}).Where("task_id = ? AND level = 'INFO'", id).Order("id").Pluck("message", &messages).Error)
	return messages
}

// TestTheLogSaysWhoCanceled: once, whoever runs the task and however it hears of the cancel.
func TestTheLogSaysWhoCanceled(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, b *bed) {
		k := b.blocker("block")
		m := b.worker()
		ctx := task.WithOrigin(t.Context(), task.Origin{Asker: "ann"})
		const asked = "The cancel was requested by ann."
		for way, from := range elsewhere(t, b, m) {
			row := dispatch(t, m, jobArgs{Work: "block", Ex: []string{"r"}})
			waiting := dispatch(t, m, jobArgs{Ex: []string{"r"}})
			receive(t, k.begun)
			for _, id := range []string{waiting.ID, row.ID} {
				_, err := from.Cancel(ctx, id)
				must(t, err)
			}
			wait(t, m, row.ID, task.Canceled)
			if lines := said(t, b, waiting.ID); !slices.Equal(lines, []string{asked}) {
				t.Errorf("%s: the log of the task that waited says %q", way, lines)
			}
			if lines := said(t, b, row.ID); !slices.Equal(lines, []string{"The task began.", asked, "The task was canceled.", "The task ended."}) {
				t.Errorf("%s: the log says %q", way, lines)
			}
			if _, err := from.Cancel(ctx, waiting.ID); !errs.Is(err, errs.Conflict) || len(said(t, b, waiting.ID)) != 1 {
				t.Errorf("%s: again gives %v, and the log says %q", way, err, said(t, b, waiting.ID))
			}
		}
		nobody := dispatch(t, m, jobArgs{Work: "block"})
		receive(t, k.begun)
		_, err := m.Cancel(t.Context(), nobody.ID)
		must(t, err)
		wait(t, m, nobody.ID, task.Canceled)
		if lines := said(t, b, nobody.ID); len(lines) != 4 || lines[1] != "The cancel was requested." {
			t.Errorf("the log says %q", lines)
		}
	})
}
