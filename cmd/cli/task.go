package cli

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

func (c *commands) tasks() *cobra.Command {
	return group(&cobra.Command{
		Use:   "task",
		Short: "List, watch and cancel tasks, and say why they wait",
		Long: `Works on the database itself, so it needs no password, and works beside running servers. A task is named by its ID, by
the first characters of the ID if no other one begins like that, by its PRN or by its link.`,
		Example: `  packhouse task list --state running
  packhouse task why 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e`,
	}, c.taskList(), c.taskShow(), c.taskWait(), c.taskCancel(), c.taskLogs(), c.taskWhy())
}

// withTask opens the database and finds one task.
func (c *commands) withTask(ctx context.Context, named string, work func(l *loaded, d *db.DB, row *task.Row) error) error {
	return c.withDatabase(ctx, func(l *loaded, d *db.DB) error {
		row, err := findTask(d.Read(ctx), named)
		if err != nil {
			return err
		}
		return work(l, d, row)
	})
}

// taskColumns are those of core_tasks that are shown; never the arguments, which are sealed.
const taskColumns = `seq, id, domain_id, name, state, logging_cid, created_by, parent_task_id, task_group_id, immediate, worker, reserved_resources, error,
	lane, turn, cancel_by, sent_at, unblocked_at, started_at, finished_at, pulp_created, pulp_last_updated`

// shortKind leaves out what most kinds have in common; shortKindSQL does so in a query.
func shortKind(kind string) string { return strings.ReplaceAll(kind, ".app.tasks.", ".") }

const shortKindSQL = "replace(name, '.app.tasks.', '.')"

// printable leaves out what would move the cursor of a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// took is how long a task has run, in words; "-" for one that has not begun.
func took(r *task.Row) string {
	if r.StartedAt == nil {
		return "-"
	}
	until := db.Now()
	if r.FinishedAt != nil {
		until = *r.FinishedAt
	}
	return task.Span(until.Sub(*r.StartedAt))
}

// stateWords say of a task that it is in a state, behind its name.
func stateWords(s task.State) string {
	switch s {
	case task.Completed, task.Failed:
		return "has " + string(s)
	case task.Canceled, task.Skipped:
		return "was " + string(s)
	case task.Canceling:
		return "is being canceled"
	}
	return "is " + string(s)
}

// idsAtOnce bounds the identities in one statement.
const idsAtOnce = 500

// reportsOf reads the progress reports of tasks, by task, in their order.
func reportsOf(read *gorm.DB, ids []string) (map[string][]task.ProgressReport, error) {
	out := map[string][]task.ProgressReport{}
	for some := range slices.Chunk(ids, idsAtOnce) {
		var rows []task.ProgressReport
		if err := read.Where("task_id IN ?", some).Order("id").Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, r := range rows {
			out[r.TaskID] = append(out[r.TaskID], r)
		}
	}
	return out, nil
}

// shownReport is a progress report in JSON.
type shownReport struct {
	Message      string     `json:"message"`
	Code         string     `json:"code"`
	State        task.State `json:"state"`
	Total        *int64     `json:"total"`
	Done         int64      `json:"done"`
	Suffix       *string    `json:"suffix"`
	Rate         *float64   `json:"rate"`
	EstimatedEnd *time.Time `json:"estimated_end"`
}

func shownReports(all []task.ProgressReport) []shownReport {
	out := []shownReport{}
	for i := range all {
		r := &all[i]
		out = append(out, shownReport{r.Message, r.Code, r.State, r.Total, r.Done, r.Note(), r.Rate(), r.EstimatedEnd()})
	}
	return out
}
