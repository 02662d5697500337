package journey_test

// tasks are what a 202 leads to (rest-contract §2.4, §2.5).
func tasks() []scenario {
	return []scenario{
		{"a task's life", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "prn": "prn"}},
			{do: "PATCH {repo}", body: `{"description":"x"}`, status: 202, task: "completed", keep: map[string]string{"task": "pulp_href", "tprn": "prn"}, want: []string{
				`pulp_api_version = "v3"`, `worker = null`, `parent_task = null`, `child_tasks = []`, `task_group = null`, `progress_reports = []`, `created_resource_prns = []`, `error = null`, `started_at ~ ^"20`, `finished_at ~ ^"20`, `unblocked_at ~ ^"20`}},
			{do: "GET {task}?minimal=True", status: 200, want: []string{`# = 11`, `reserved_resources_record absent`, `state = "completed"`}},
			{do: "GET /tasks/?prn__in={tprn}&minimal=true", status: 200, want: []string{`results.0.# = 11`}},
			{do: "GET /tasks/?reserved_resources={repo}", status: 200, want: []string{`results.*.pulp_href = ["{task}"]`}}, {do: "GET /tasks/?reserved_resources={prn}&state=completed", status: 200, want: []string{`count = 1`}},
			{do: "GET /tasks/?exclusive_resources={repo}&name__contains=ageneral", status: 200, want: []string{`count = 1`}}, {do: "GET /tasks/?shared_resources={repo}", status: 200, want: []string{`count = 0`}},
			{do: "GET /tasks/?reserved_resources__in={repo},{none}", status: 200, want: []string{`count = 0`}, about: "all of them"}, {do: "GET /tasks/?reserved_resources__in={repo},{prn}", status: 200, want: []string{`count = 1`}},
			{do: "POST " + pubs, body: `{"repository":"{repo}"}`, status: 202, task: "completed", keep: map[string]string{"pub": "created_resources.0", "ptask": "pulp_href"}},
			{do: "GET /tasks/?shared_resources={repo}", status: 200, want: []string{`results.*.pulp_href = ["{ptask}"]`}}, {do: "GET /tasks/?reserved_resources={repo}", status: 200, want: []string{`count = 2`}},
			{do: "GET /tasks/?shared_resources__in={repo}", status: 200, want: []string{`count = 1`}}, {do: "GET /tasks/?exclusive_resources__in={repo}", status: 200, want: []string{`count = 1`}},
			{do: "GET /tasks/?created_resources={pub}", status: 200, want: []string{`results.*.pulp_href = ["{ptask}"]`}}, {do: "GET /tasks/?reserved_resources=/foo/", status: 400, want: []string{`0 ~ .`}},
			{do: "GET /tasks/?prn__in={tprn}&state__in=failed,completed&state__ne=running", status: 200, want: []string{`count = 1`}}, {do: "GET /tasks/?prn__in={tprn}&state__ne=completed", status: 200, want: []string{`count = 0`}},
			{do: "GET /tasks/?prn__in={tprn}&worker=x", status: 200, want: []string{`count = 0`}}, {do: "GET /tasks/?prn__in={tprn}&parent_task={task}", status: 200, want: []string{`count = 0`}},
			{do: "GET /tasks/?child_tasks={task}", status: 200, want: []string{`count = 0`}}, {do: "GET /tasks/?prn__in={tprn}&task_group=/pulp/api/v3/task-groups/{group}/", status: 200, want: []string{`count = 0`}},
			{do: "GET /tasks/?prn__in={tprn}&name__in=pulpcore.app.tasks.base.ageneral_update,x&name__ne=x", status: 200, want: []string{`count = 1`}},
			{do: "PATCH {task}", body: `{"state":"canceled"}`, status: 409, want: []string{`pulp_href = "{task}"`, `state = "completed"`}},
			{do: "PATCH {task}", body: `{"state":"completed"}`, status: 400, want: []string{`state.# = 1`}}, {do: "PATCH {task}", body: `{}`, status: 400}, {as: plain, do: "PATCH {task}", body: `{"state":"canceled"}`, status: 404},
			{do: "PUT {task}", body: `{}`, status: 405}, {do: "DELETE {task}", status: 204}, {do: "GET {task}", status: 404},
		}},
		{"purge", []step{
			{do: "POST " + repos, body: `{"name":"{u}"}`, status: 201, keep: map[string]string{"repo": "pulp_href", "prn": "prn"}},
			{do: "POST /tasks/purge/", body: `{"states":["running"]}`, status: 400, want: []string{`states.# = 1`}}, {do: "POST /tasks/purge/", body: `{"finished_before":"x"}`, status: 400, want: []string{`finished_before.# = 1`}},
			{do: "POST /tasks/purge/", body: `{"states":["foo"]}`, status: 400}, {as: plain, do: "POST /tasks/purge/", body: `{}`, status: 403},
			{do: "POST /tasks/purge/", body: `{"unknown":"member","states":["canceled"],"finished_before":"2001-01-01T00:00:00Z"}`, status: 202, task: "completed", want: []string{`name = "pulpcore.app.tasks.purge.purge"`, `progress_reports.0.code = "purge.tasks.total"`, `progress_reports.0.done = 0`}},
			{do: "POST /tasks/purge/", status: 202, task: "completed"},
		}},
		{"groups", []step{
			{do: "GET /task-groups/{group}/", status: 200, want: []string{`description = "of a test"`, `waiting = 0`, `running = 0`, `completed = 0`, `canceled = 0`, `failed = 0`, `canceling = 0`, `skipped = 0`, `tasks = []`, `group_progress_reports = []`, `pulp_created absent`}},
		}},
		{"workers", []step{
			{do: "GET /workers/?online=true", status: 200, want: []string{`count = 1`, `results.0.versions.core ~ .`, `results.0.prn ~ ^"prn:core.appstatus:`}, keep: map[string]string{"worker": "results.0.pulp_href", "name": "results.0.name"}},
			{do: "GET {worker}", status: 200, want: []string{`name = "{name}"`, `last_heartbeat ~ ^"20`}}, {do: "GET /workers/?missing=true", status: 200, want: []string{`count = 0`}}, {do: "GET /workers/?online=false", status: 200, want: []string{`count = 0`}},
			{do: "GET /workers/?name__contains=resource-manager", status: 200, want: []string{`results = []`}}, {do: "GET /workers/?name={name}&last_heartbeat__gt=2001-01-01T00:00:00Z", status: 200, want: []string{`count = 1`}},
		}},
	}
}
