package cli

import (
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/task"
)

// watch follows some tasks, or those of one group, to their end.
type watch struct {
	c     *commands
	read  *gorm.DB
	ids   []string
	group string
	// told is what was said last of each task where no bars are drawn.
	told   map[string]string
	outage outage
	bars
}

// watchOf finds the tasks that are named, or the group.
func (c *commands) watchOf(read *gorm.DB, named []string, group string) (*watch, error) {
	w := &watch{c: c, read: read, told: map[string]string{}, outage: outage{c: c}}
	for _, name := range named {
		row, err := findTask(read, name)
		if err != nil {
			return nil, err
		}
		w.ids = append(w.ids, row.ID)
	}
	if group == "" {
		return w, nil
	}
	var err error
	w.group, err = findGroup(read, group)
	return w, err
}

// look reads the tasks and shows them; open tells whether one has not ended, or may still come.
func (w *watch) look() (rows []task.Row, open bool, err error) {
	if w.group != "" {
		rows, open, err = w.members()
	} else {
		rows, err = w.named()
	}
	if err != nil {
		return nil, false, err
	}
	for i := range rows {
		open = open || !rows[i].Final()
	}
	if w.c.Terminal {
		return rows, open, w.drawBars(rows)
	}
	return rows, open, w.tellAll(rows)
}

// named reads the tasks that were named, in that order.
func (w *watch) named() ([]task.Row, error) {
	var found []task.Row
	if err := w.read.Raw("SELECT "+taskColumns+" FROM core_tasks WHERE id IN ?", w.ids).Scan(&found).Error; err != nil {
		return nil, err
	}
	byID := map[string]task.Row{}
	for _, r := range found {
		byID[r.ID] = r
	}
	var rows []task.Row
	for _, id := range w.ids {
		row, there := byID[id]
		if !there {
			return nil, errs.New(errs.NotFound, "the task %s is not there any more, it was purged", id)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// members reads the tasks of the group; growing tells whether more may come. That is read first: once it is false, the
// tasks that are read after it are all.
func (w *watch) members() (rows []task.Row, growing bool, err error) {
	var complete []bool
	if err := w.read.Raw("SELECT all_tasks_dispatched FROM core_task_groups WHERE id = ?", w.group).Scan(&complete).Error; err != nil {
		return nil, false, err
	}
	if len(complete) == 0 {
		return nil, false, errs.New(errs.NotFound, "the task group %s is not there any more, it was deleted", w.group)
	}
	err = w.read.Raw("SELECT "+taskColumns+" FROM core_tasks WHERE task_group_id = ? ORDER BY seq", w.group).Scan(&rows).Error
	return rows, !complete[0], err
}

// tellAll says what has changed; those whose end was told say nothing more.
func (w *watch) tellAll(rows []task.Row) error {
	var ids []string
	var news []*task.Row
	for i := range rows {
		r := &rows[i]
		if w.told[r.ID] == "" || !task.State(strings.Fields(w.told[r.ID])[0]).Final() {
			ids, news = append(ids, r.ID), append(news, r)
		}
	}
	reports, err := reportsOf(w.read, ids)
	if err != nil {
		return err
	}
	for _, r := range news {
		if err := w.tell(r, task.Telling(reports[r.ID])); err != nil {
			return err
		}
	}
	return nil
}

// tell says when something has changed but numbers.
func (w *watch) tell(row *task.Row, report *task.ProgressReport) error {
	now := string(row.State)
	if report != nil {
		now += " " + report.Message
	}
	if w.told[row.ID] == now {
		return nil
	}
	w.told[row.ID] = now
	line := fmt.Sprintf("%s %s %s", row.ID, row.State, report.Words())
	return w.c.print("%s\n", printable(strings.TrimSpace(line)))
}
