package cli

import (
	"regexp"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
)

// findTask finds the task that a word of the command line names: an ID or the beginning of one that no other task has, a
// PRN, or a link.
func findTask(read *gorm.DB, named string) (*task.Row, error) {
	begin, err := identity(named, "core.task", "tasks")
	if err != nil {
		if _, no := identity(named, "core.taskgroup", "task-groups"); no == nil {
			return nil, meansGroup(named)
		}
		return nil, err
	}
	var rows []task.Row
	low, high := between(begin)
	if err := read.Raw("SELECT "+taskColumns+" FROM core_tasks WHERE id >= ? AND id <= ? ORDER BY id LIMIT 4", low, high).Scan(&rows).Error; err != nil {
		return nil, err
	}
	switch len(rows) {
	case 0:
		return nil, noTask(read, named, low, high)
	case 1:
		return &rows[0], nil
	}
	var ids []string
	for _, r := range rows[:min(3, len(rows))] {
		ids = append(ids, r.ID)
	}
	return nil, errs.New(errs.Invalid, "%s may be several tasks, such as %s; give more of the ID", named, strings.Join(ids, ", "))
}

// noTask says that there is no task with an identity in between, and whether it is that of a group.
func noTask(read *gorm.DB, named, low, high string) error {
	var groups []string
	if err := read.Raw("SELECT id FROM core_task_groups WHERE id >= ? AND id <= ? LIMIT 1", low, high).Scan(&groups).Error; err != nil {
		return err
	}
	if len(groups) > 0 {
		return meansGroup(groups[0])
	}
	return errs.New(errs.NotFound, "there is no task %s, it may have been purged; see packhouse task list", named)
}

func meansGroup(group string) error {
	return misused("%s is a task group; packhouse task wait --group %s follows its tasks, packhouse task cancel --group %s ends them", group, group, group)
}

// identityPart is the beginning of an identity, or all of it.
var identityPart = regexp.MustCompile(`^[0-9a-fA-F][0-9a-fA-F-]{0,35}$`)

// identity takes the identity, or its beginning, out of an ID, a PRN of the model, or a link to a member of the list.
func identity(named, model, list string) (string, error) {
	text := named
	switch {
	case strings.HasPrefix(named, "prn:"):
		of, id, err := ident.ParsePRN(named)
		if err != nil {
			return "", err
		}
		if of != model {
			return "", misused("%s is a %s; a %s is wanted here", named, of, model)
		}
		text = id
	case strings.Contains(named, "/"):
		at := strings.LastIndex(named, "/"+list+"/")
		if at < 0 {
			return "", misused("%s is no link to one of %s/", named, list)
		}
		text, _, _ = strings.Cut(named[at+len(list)+2:], "/")
	}
	if !identityPart.MatchString(text) || len(strings.ReplaceAll(text, "-", "")) > 32 {
		return "", misused("%q names nothing; give an ID such as 019aa5e2-7c7c-7a41-8d0e-3f1a6b0c2d4e, its beginning, a PRN or a link", named)
	}
	return strings.ToLower(text), nil
}

// between gives the first and the last identity that begin with these digits.
func between(begin string) (low, high string) {
	digits := strings.ReplaceAll(begin, "-", "")
	fill := func(with string) string {
		all := digits + strings.Repeat(with, 32-len(digits))
		return all[:8] + "-" + all[8:12] + "-" + all[12:16] + "-" + all[16:20] + "-" + all[20:]
	}
	return fill("0"), fill("f")
}
