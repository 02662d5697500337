package base

import (
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// TestAScheduleOfAnUnknownKindCanBePaused: its plugin may be disabled, and the arguments are not looked at.
func TestAScheduleOfAnUnknownKindCanBePaused(t *testing.T) {
	t.Parallel()
	next := model.Now()
	old := &scheduleRow{row: task.ScheduleRow{Base: model.NewBase(ident.DefaultDomain), Name: "s", TaskName: "gone.kind", Args: []byte("sealed"), Cron: "@daily", TimeZone: "UTC", NextDispatch: &next}}
	for name, c := range map[string]struct {
		change func(s *scheduleRow)
		want   string
	}{
		"paused":          {func(s *scheduleRow) { s.row.NextDispatch, s.dated = nil, true }, ""},
		"at another time": {func(s *scheduleRow) { s.row.Cron = "@weekly" }, ""},
		"other arguments": {func(s *scheduleRow) { s.args = model.JSON("{}") }, "task_name"},
		"another kind":    {func(s *scheduleRow) { s.row.TaskName = "gone.too" }, "task_name"},
	} {
		s := *old
		c.change(&s)
		err := checkSchedule(&resource.Input{}, &s, old)
		if c.want == "" && (err != nil || string(s.row.Args) != "sealed") || c.want != "" && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesOfSchedules(t *testing.T) {
	t.Parallel()
	for name, fine := range map[string]bool{"nightly": true, "каждую ночь": true, strings.Repeat("é", 255): true, strings.Repeat("é", 256): false, "a/b": false, "a\nb": false, "\x1b[2J": false, "a\u0085": false} {
		if err := checkScheduleName(&scheduleRow{row: task.ScheduleRow{Name: name}}); (err == nil) != fine || !fine && !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
