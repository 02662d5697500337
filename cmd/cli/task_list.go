package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// mostTasks is how many tasks are listed at most.
const mostTasks = 10_000

// listedTask is a task as `task list` prints it.
type listedTask struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"`
	State      task.State `json:"state"`
	Worker     *string    `json:"worker"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
	Progress   string     `json:"progress"`
}

func (c *commands) taskList() *cobra.Command {
	limit, asJSON := 20, false
	var states, kinds []string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print the newest tasks, the newest first",
		Example: `  packhouse task list --state waiting --state running
  packhouse task list --kind synchronize --limit 100 --json`,
		Args: words(0, 0, "[--state STATE] [--kind KIND] [--limit N] [--json]"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range states {
				if err := oneOf("state", s, stateNames()...); err != nil {
					return err
				}
			}
			if limit < 1 || limit > mostTasks {
				return misused("--limit %d is out of range; choose 1 to %d", limit, mostTasks)
			}
			return c.withDatabase(cmd.Context(), func(_ *loaded, d *db.DB) error {
				list, rows, err := listTasks(d, d.Read(cmd.Context()), states, kinds, limit)
				switch {
				case err != nil:
					return err
				case asJSON:
					return c.printJSON(list)
				}
				return c.printTasks(list, rows)
			})
		},
	}
	cmd.Flags().StringArrayVar(&states, "state", nil, "only those in this `STATE`; may be repeated")
	cmd.Flags().StringArrayVar(&kinds, "kind", nil, "only those whose kind, in full or as it is printed, contains this `TEXT`; may be repeated")
	cmd.Flags().IntVar(&limit, "limit", limit, "print this many (`N`, at most 10000)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func stateNames() []string {
	var names []string
	for _, s := range task.States() {
		names = append(names, string(s))
	}
	return names
}

func listTasks(d *db.DB, read *gorm.DB, states, kinds []string, limit int) ([]listedTask, []task.Row, error) {
	query := read.Table("core_tasks").Select(taskColumns)
	if len(states) > 0 {
		query = query.Where("state IN ?", states)
	}
	if len(kinds) > 0 {
		var like []string
		var texts []any
		for _, k := range kinds {
			text := "%" + db.EscapeLike(k) + "%"
			like, texts = append(like, d.Dialect().Like("name", false), d.Dialect().Like(shortKindSQL, false)), append(texts, text, text)
		}
		query = query.Where("("+strings.Join(like, " OR ")+")", texts...)
	}
	var rows []task.Row
	if err := query.Order("seq DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, nil, err
	}
	list, err := listed(read, rows)
	return list, rows, err
}

func listed(read *gorm.DB, rows []task.Row) ([]listedTask, error) {
	var ids []string
	for i := range rows {
		ids = append(ids, rows[i].ID)
	}
	reports, err := reportsOf(read, ids)
	if err != nil {
		return nil, err
	}
	out := make([]listedTask, 0, len(rows))
	for i := range rows {
		r := &rows[i]
		out = append(out, listedTask{ID: r.ID, Kind: r.Name, State: r.State, Worker: r.Worker, CreatedAt: r.PulpCreated, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
			Progress: task.Telling(reports[r.ID]).Words()})
	}
	return out, nil
}

func (c *commands) printTasks(list []listedTask, rows []task.Row) error {
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "ID\tKIND\tSTATE\tAGE\tTOOK\tPROGRESS"); err != nil {
		return err
	}
	for i := range list {
		t := &list[i]
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, shortKind(t.Kind), t.State, task.Span(db.Now().Sub(t.CreatedAt)), took(&rows[i]), orDash(printable(t.Progress))); err != nil {
			return err
		}
	}
	return table.Flush()
}
