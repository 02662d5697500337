package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
)

// shownTask is a task as `task show` prints it.
type shownTask struct {
	ID            string          `json:"id"`
	PRN           string          `json:"prn"`
	Kind          string          `json:"kind"`
	State         task.State      `json:"state"`
	Domain        string          `json:"domain"`
	User          string          `json:"user"`
	CorrelationID string          `json:"correlation_id"`
	Worker        *string         `json:"worker"`
	Immediate     bool            `json:"immediate"`
	CreatedAt     time.Time       `json:"created_at"`
	UnblockedAt   *time.Time      `json:"unblocked_at"`
	StartedAt     *time.Time      `json:"started_at"`
	FinishedAt    *time.Time      `json:"finished_at"`
	CancelBy      *time.Time      `json:"cancel_by"`
	Parent        *string         `json:"parent"`
	Group         *string         `json:"group"`
	Reserved      []string        `json:"reserved_resources_record"`
	Progress      []shownReport   `json:"progress"`
	Created       []createdObject `json:"created_resources"`
	Children      []childTask     `json:"children"`
	Result        json.RawMessage `json:"result"`
	Error         json.RawMessage `json:"error"`

	row     *task.Row
	reports []task.ProgressReport
}

// createdObject is what a task made; path is below API root and domain.
type createdObject struct {
	PRN  string `json:"prn"`
	Path string `json:"path"`
}

// childTask is a task that the task has dispatched.
type childTask struct {
	ID    string     `json:"id"`
	Kind  string     `json:"kind"`
	State task.State `json:"state"`
}

// mostChildren bounds the children, and the objects, that are shown.
const mostChildren = 1000

func (c *commands) taskShow() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Print all there is to know about a task",
		Example: `  packhouse task show 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e`,
		Args:    words(1, 1, "ID [--json]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withTask(cmd.Context(), args[0], func(_ *loaded, d *db.DB, row *task.Row) error {
				shown, err := showTask(d.Read(cmd.Context()), row)
				switch {
				case err != nil:
					return err
				case asJSON:
					return c.printJSON(shown)
				}
				return c.printTask(shown)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// showTask gathers what is kept of a task.
func showTask(read *gorm.DB, row *task.Row) (*shownTask, error) {
	t := &shownTask{
		ID: row.ID, PRN: ident.PRN("core.task", row.ID), Kind: row.Name, State: row.State, CorrelationID: row.LoggingCID, Worker: row.Worker, Immediate: row.Immediate,
		CreatedAt: row.PulpCreated, UnblockedAt: row.UnblockedAt, StartedAt: row.StartedAt, FinishedAt: row.FinishedAt, CancelBy: row.CancelBy,
		Parent: row.ParentTaskID, Group: row.TaskGroupID, Reserved: append([]string{}, row.ReservedResources...), Created: []createdObject{}, Children: []childTask{},
		Error: orNull(row.Error), row: row,
	}
	var names struct {
		Domain, Username string
		Result           []byte
	}
	err := read.Raw(`SELECT d.name AS domain, COALESCE(u.username, '') AS username, t.result FROM core_tasks t
		JOIN core_domains d ON d.id = t.domain_id LEFT JOIN core_users u ON u.id = t.created_by WHERE t.seq = ?`, row.Seq).Scan(&names).Error
	if err != nil {
		return nil, err
	}
	t.Domain, t.User, t.Result = names.Domain, names.Username, orNull(names.Result)
	if row.CreatedBy != nil && t.User == "" {
		t.User = strconv.FormatInt(*row.CreatedBy, 10)
	}
	reports, err := reportsOf(read, []string{row.ID})
	if err != nil {
		return nil, err
	}
	t.reports, t.Progress = reports[row.ID], shownReports(reports[row.ID])
	return t, t.made(read)
}

// made adds what the task has made and dispatched.
func (t *shownTask) made(read *gorm.DB) error {
	var created []task.CreatedResource
	if err := read.Where("task_id = ?", t.ID).Order("id").Limit(mostChildren).Find(&created).Error; err != nil {
		return err
	}
	for _, o := range created {
		t.Created = append(t.Created, createdObject{ident.PRN(o.Model, o.ObjectID), o.Path})
	}
	var children []task.Row
	err := read.Raw("SELECT id, name, state FROM core_tasks WHERE parent_task_id = ? ORDER BY seq LIMIT ?", t.ID, mostChildren).Scan(&children).Error
	for _, r := range children {
		t.Children = append(t.Children, childTask{r.ID, r.Name, r.State})
	}
	return err
}

func orNull(text []byte) json.RawMessage {
	if len(text) == 0 {
		return json.RawMessage("null")
	}
	return text
}

func (c *commands) printTask(t *shownTask) error {
	table := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	for _, line := range t.lines() {
		if _, err := fmt.Fprintf(table, "%s\t%s\n", line[0], printable(line[1])); err != nil {
			return err
		}
	}
	return table.Flush()
}

// lines are names and values; what is not there has no line.
func (t *shownTask) lines() (lines [][2]string) {
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, [2]string{name, value})
		}
	}
	all := func(name string, values []string) {
		for _, value := range values {
			add(name, value)
			name = ""
		}
	}
	add("id", t.ID)
	add("kind", t.Kind)
	add("state", string(t.State))
	add("domain", t.Domain)
	add("user", t.User)
	add("worker", orEmpty(t.Worker))
	add("created", second(&t.CreatedAt))
	add("unblocked", second(t.UnblockedAt))
	add("started", second(t.StartedAt))
	add("finished", second(t.FinishedAt))
	if t.StartedAt != nil {
		add("took", took(t.row))
	}
	if t.State == task.Canceling {
		add("is forced at", second(t.CancelBy))
	}
	add("parent", orEmpty(t.Parent))
	add("group", orEmpty(t.Group))
	add("correlation id", t.CorrelationID)
	all("reserves", t.Reserved)
	all("progress", t.progress())
	var created, children []string
	for _, o := range t.Created {
		created = append(created, o.PRN+"  "+o.Path)
	}
	for _, child := range t.Children {
		children = append(children, child.ID+"  "+shortKind(child.Kind)+"  "+string(child.State))
	}
	all("made", created)
	all("children", children)
	if string(t.Result) != "null" {
		add("result", string(t.Result))
	}
	if string(t.Error) != "null" {
		add("error", task.ErrorText(t.row))
	}
	return lines
}

// progress is a line for each report.
func (t *shownTask) progress() (lines []string) {
	for i := range t.reports {
		r := &t.reports[i]
		line := r.Words() + " (" + string(r.State)
		if end := r.EstimatedEnd(); end != nil {
			line += ", until about " + second(end)
		}
		lines = append(lines, line+")")
	}
	return lines
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// second is a moment to the second; empty for none.
func second(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
