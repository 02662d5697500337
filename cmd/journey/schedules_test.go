package journey_test

// schedules say when tasks are dispatched again and again (rest-contract §2.3), with what is beyond the contract.
func schedules() []scenario {
	const repairs = `"task_name":"pulpcore.app.tasks.repository.repair_all_artifacts"`
	refused := func(body, want string) step {
		return step{do: "POST /task-schedules/", body: body, status: 400, want: []string{want}}
	}
	return []scenario{
		{"a schedule's life", []step{
			{do: "POST /task-schedules/", body: `{"name":"{u}",` + repairs + `,"task_args":{"verify":true},"dispatch_interval":"1 12:00:00"}`, status: 201, keep: map[string]string{"s": "pulp_href", "prn": "prn"},
				want: []string{`name = "{u}"`, `dispatch_interval = "1 12:00:00"`, `cron = ""`, `time_zone = "UTC"`, `next_dispatch ~ ^"20`, `last_task = null`, `missed = 0`, `origin = ""`, `task_args absent`, `prn ~ ^"prn:core.taskschedule:`}},
			{do: "GET {s}", status: 200, want: []string{`task_name = "pulpcore.app.tasks.repository.repair_all_artifacts"`, `task_args absent`, `args absent`}},
			{do: "GET /task-schedules/?name={u}&task_name__contains=repair_all", status: 200, want: []string{`count = 1`}}, {do: "GET /task-schedules/?name__contains={u}&task_name=x", status: 200, want: []string{`count = 0`}},
			{as: plain, do: "GET {s}", status: 404}, {as: plain, do: "POST /task-schedules/", body: `{}`, status: 403}, {as: plain, do: "GET /task-schedules/", status: 200, want: []string{`count = 0`}},
			{do: "POST /task-schedules/", body: `{"name":"{u}",` + repairs + `,"cron":"@daily"}`, status: 400, want: []string{`name.# = 1`}, about: "the name is taken"},
			{do: "PATCH {s}", body: `{"next_dispatch":null}`, status: 200, want: []string{`next_dispatch = null`, `dispatch_interval = "1 12:00:00"`}},
			{do: "PATCH {s}", body: `{"cron":"30 4 * * *","dispatch_interval":null,"time_zone":"Europe/Berlin"}`, status: 200, want: []string{`next_dispatch = null`, `cron = "30 4 * * *"`, `dispatch_interval = null`}},
			{do: "PATCH {s}", body: `{"next_dispatch":"2099-01-01T00:00:00Z"}`, status: 200, want: []string{`next_dispatch ~ ^"2099-01-01T00:00:00`}},
			{do: "PATCH {s}", body: `{"cron":"0 5 * * *"}`, status: 200, want: []string{`next_dispatch ~ ^"20[2-8]`}, about: "another time is found anew"},
			{do: "PATCH {s}", body: `{"task_name":"pulpcore.app.tasks.purge.purge"}`, status: 400, want: []string{`task_args.# = 1`}},
			{do: "DELETE {s}", status: 204}, {do: "GET {s}", status: 404},
		}},
		{"what no schedule can be", []step{
			refused(`{}`, `task_name.# = 1`), refused(`{"name":"{u}","task_name":"x.y","cron":"@daily"}`, `task_name.# = 1`),
			refused(`{"name":"{u}","task_name":"pulpcore.app.tasks.base.general_create","cron":"@daily"}`, `task_name.# = 1`),
			refused(`{"name":"a/b",`+repairs+`,"cron":"@daily"}`, `name.# = 1`), refused(`{"name":"{u}",`+repairs+`}`, `next_dispatch.# = 1`),
			refused(`{"name":"{u}",`+repairs+`,"cron":"* * *"}`, `cron.# = 1`), refused(`{"name":"{u}",`+repairs+`,"cron":"@daily","time_zone":"Mars"}`, `time_zone.# = 1`),
			refused(`{"name":"{u}",`+repairs+`,"cron":"@daily","dispatch_interval":"1 00:00:00"}`, `cron.# = 1`), refused(`{"name":"{u}",`+repairs+`,"dispatch_interval":"00:00:59"}`, `dispatch_interval.# = 1`),
			refused(`{"name":"{u}",`+repairs+`,"cron":"@daily","task_args":{"verfiy":true}}`, `task_args.# = 1`), refused(`{"name":"{u}",`+repairs+`,"cron":"@daily","task_args":[]}`, `task_args.# = 1`),
			refused(`{"name":"{u}","task_name":"pulpcore.app.tasks.purge.purge","cron":"@daily","task_args":{"minutes":0}}`, `task_args.# = 1`),
			refused(`{"name":"{u}","task_name":"pulpcore.app.tasks.purge.purge","cron":"@daily","task_args":{}}`, `task_args.0 ~ minutes is required`),
			refused(`{"name":"{u}","task_name":"pulpcore.app.tasks.purge.purge","cron":"@daily","task_args":{"minutes":60,"states":["running"]}}`, `task_args.# = 1`),
			refused(`{"name":"{u}","task_name":"pulp_file.app.tasks.synchronizing.synchronize","cron":"@daily","task_args":{"repository":"x"}}`, `task_args.# = 1`),
		}},
		{"those of the core", []step{
			{do: "GET /task-schedules/?name=core/clean%20up%20orphans", status: 200, want: []string{`count = 1`, `results.0.origin = "core"`, `results.0.dispatch_interval = "1 00:00:00"`}, keep: map[string]string{"s": "results.0.pulp_href", "next": "results.0.next_dispatch"}},
			{do: "PATCH {s}", body: `{"cron":"@daily"}`, status: 400}, {do: "PATCH {s}", body: `{"task_args":{}}`, status: 400}, {do: "DELETE {s}", status: 409},
			{do: "PATCH {s}", body: `{"next_dispatch":null}`, status: 200, want: []string{`next_dispatch = null`}}, {do: "PATCH {s}", body: `{"next_dispatch":"{next}"}`, status: 200, want: []string{`next_dispatch = "{next}"`}},
		}},
	}
}
