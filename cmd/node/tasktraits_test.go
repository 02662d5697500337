package node

import (
	"slices"
	"testing"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/base"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/task"
	"github.com/packhouse/packhouse/plugins/file"
)

// traitsOf are the kinds of tasks that declare something about their place in line; a kind that is not here is short and
// of the usual priority.
var traitsOf = map[string]task.Traits{
	// One object, and somebody waits for the answer.
	"pulpcore.app.tasks.base.general_create":       {Priority: task.High},
	"pulpcore.app.tasks.base.ageneral_update":      {Priority: task.High},
	"pulpcore.app.tasks.base.ageneral_delete":      {Priority: task.High},
	"pulpcore.app.tasks.base.general_multi_delete": {Priority: task.High},
	// As much as the upstream, the domain or the version has, and somebody asked for it.
	"pulp_file.app.tasks.synchronizing.synchronize": {Long: true},
	"pulpcore.app.tasks.repository.repair_version":  {Long: true},
	"pulpcore.app.tasks.migrate.migrate_backend":    {Long: true},
	"pulpcore.app.tasks.domain.delete":              {Long: true},
	// Upkeep.
	"pulpcore.app.tasks.purge.purge":                     {Long: true, Priority: task.Low},
	"pulpcore.app.tasks.repository.repair_all_artifacts": {Long: true, Priority: task.Low},
	"pulpcore.app.tasks.orphan.orphan_cleanup":           {Long: true, Priority: task.Low},
	"pulpcore.app.tasks.orphan.upload_cleanup":           {Long: true, Priority: task.Low},
	"pulpcore.app.tasks.orphan.tmpfile_cleanup":          {Long: true, Priority: task.Low},
	"pulpcore.app.tasks.reclaim_space.reclaim_space":     {Long: true, Priority: task.Low},
	"packhouse.upkeep.everywhere":                        {Long: true, Priority: task.Low},
}

// TestTheTraitsOfTasks looks at the kinds whose place in line people feel.
func TestTheTraitsOfTasks(t *testing.T) {
	t.Parallel()
	registry := app.NewRegistry(base.App(), file.App())
	mounted := registry.Mount(newEnv(config.Defaults(), nil))
	var kinds []string
	for _, h := range mounted.Handlers {
		kinds = append(kinds, h.Kind())
		got, want := h.Traits(), traitsOf[h.Kind()]
		if got.Long != want.Long || got.Priority != want.Priority {
			t.Errorf("%s: %+v, want %+v", h.Kind(), got, want)
		}
	}
	for kind := range traitsOf {
		if !slices.Contains(kinds, kind) {
			t.Errorf("there is no kind %s", kind)
		}
	}
	s := config.Defaults()
	s.TaskLimits.Kinds = map[string]int{kinds[0]: 1}
	if err := limitsMeanSomething(s, mounted.Handlers); err != nil {
		t.Error(err)
	}
	s.TaskLimits.Kinds["pulp_flie.sync"] = 1
	if err := limitsMeanSomething(s, mounted.Handlers); err == nil {
		t.Error("a limit for a kind that does not exist was taken")
	}
}
