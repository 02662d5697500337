package journey_test

import "maps"

// listed is a folder that the upstream serves at {upstream}/{u}/, with a manifest of what it has.
func listed(files map[string]string) map[string]string {
	manifest, all := "", map[string]string{}
	for _, name := range []string{"t1", "t2", "t3"} {
		for path, text := range files {
			if text == "{"+name+"}" {
				manifest += path + ",{" + name + "_sha256},{" + name + "_size}\n"
			}
		}
	}
	for path, text := range files {
		all["mirror/{u}/"+path] = text
	}
	maps.Copy(all, map[string]string{"mirror/{u}/PULP_MANIFEST": manifest})
	return all
}

// pulpSources are the commands for what comes from elsewhere: remotes, syncs and alternate content sources.
func pulpSources() []session {
	return []session{
		{"remotes", []line{
			{do: "pulp file remote create --name {u} --url http://mirror.example.org/PULP_MANIFEST --policy on_demand --labels '{\"a\":\"b\"}'", keep: map[string]string{"r": "pulp_href", "prn": "prn"},
				want: []string{`policy = "on_demand"`, `tls_validation = true`, `password absent`, `hidden_fields.*.is_set = [false,false,false,false,false]`}},
			{do: "pulp file remote create --name {u} --url http://mirror.example.org/", exit: 1, says: []string{"(?i)unique"}},
			{do: "pulp file remote create --name {u}2 --url http://user:word@mirror.example.org/", exit: 1, says: []string{"url"}},
			{do: "pulp file remote show --name {u}", want: []string{`pulp_href = "{r}"`}}, {do: "pulp file remote show --remote {u}", want: []string{`pulp_href = "{r}"`}},
			{do: "pulp file remote list --label-select a=b --name-contains {u}", want: []string{`*.name = ["{u}"]`}},
			{do: "pulp file remote update --name {u} --policy streamed --username me --password ' secret ' --proxy-url http://proxy.example.org:3128 --proxy-username p --proxy-password q --max-retries 5 --total-timeout 9.5 --connect-timeout 1 --sock-connect-timeout 2 --sock-read-timeout 3 --download-concurrency 4 --rate-limit 6 --tls-validation false --header 'X-Token: abc'", says: []string{"Done"}},
			{do: "pulp file remote show --name {u}", want: []string{`policy = "streamed"`, `hidden_fields.*.is_set = [false,true,true,true,true]`, `max_retries = 5`, `total_timeout = 9.5`, `download_concurrency = 4`, `rate_limit = 6`, `tls_validation = false`}},
			{do: "pulp file remote update --name {u} --proxy-url '' --proxy-username '' --proxy-password '' --username '' --password '' --max-retries '' --total-timeout '' --connect-timeout ''", says: []string{"Done"}},
			{do: "pulp file remote show --name {u}", want: []string{`proxy_url = null`, `max_retries = null`, `total_timeout = null`, `hidden_fields.*.is_set = [false,false,false,false,false]`}},
			{do: "pulp file remote update --name {u} --proxy-username alone", exit: 1, says: []string{"proxy"}},
			{do: "pulp file remote label set --remote {u} --key x --value y"}, {do: "pulp file remote label show --remote {u} --key x", has: []string{"^y$"}}, {do: "pulp file remote label unset --remote {u} --key x"},
			{do: "pulp remote list --name {u}", want: []string{`*.pulp_href = ["{r}"]`}},
			{do: "pulp file remote --type git create --name {u}git --url http://git.example.org/repository.git --git-ref main", want: []string{`git_ref = "main"`, `policy absent`}},
			{do: "pulp file remote --type git update --name {u}git --git-ref v1", says: []string{"Done"}},
			{do: "pulp file remote --type git list --name {u}git", want: []string{`*.git_ref = ["v1"]`}},
			{do: "pulp file remote --type git destroy --name {u}git", says: []string{"Done"}},
			{do: "pulp file remote destroy --name {u}", says: []string{"Done"}}, {do: "pulp file remote show --name {u}", exit: 1, says: []string{"Could not find"}},
		}},
		{"a sync of each policy", []line{
			{write: listed(map[string]string{"a": "{t1}", "sub/b": "{t2}"}), do: "pulp file remote create --name {u} --url {upstream}/{u}/PULP_MANIFEST", keep: map[string]string{"remote": "pulp_href"}},
			{do: "pulp file repository create --name {u} --remote {u} --autopublish", want: []string{`remote = "{remote}"`}, keep: map[string]string{"r": "pulp_href"}},
			{do: "pulp file distribution create --name {u} --base-path {u} --repository {u}"},
			{do: "pulp file repository sync --name {u}", says: []string{"Done"}, told: map[string]string{"task": "background task (/pulp/api/v3/tasks/[0-9a-f-]+/)"}},
			{do: "pulp task show --href {task}", want: []string{`name = "pulp_file.app.tasks.synchronizing.synchronize"`, `progress_reports ~ "code":"sync.downloading.metadata"`, `progress_reports ~ "code":"sync.parsing.metadata"`, `progress_reports ~ "code":"associating.content"`, `created_resources.0 = "{r}versions/1/"`}},
			{do: "curl -sf {content}/pulp/content/{u}/sub/b", sum: "{t2_sha256}"},
			{do: "pulp file repository sync --repository {u}", told: map[string]string{"task": "background task (/pulp/api/v3/tasks/[0-9a-f-]+/)"}},
			{do: "pulp task show --href {task}", want: []string{`progress_reports.*.code ~ "sync.was_skipped"`, `created_resources = []`}, about: "nothing changed"},
			{write: listed(map[string]string{"a": "{t3}"}), do: "pulp file remote update --name {u} --policy on_demand"},
			{do: "pulp file repository sync --name {u}"},
			{do: "pulp file repository content list --repository {u}", want: []string{`# = 2`}, about: "the new a took the place of the old one"},
			{do: "pulp file content list --repository-version-added {r}versions/2/", want: []string{`*.relative_path = ["a"]`, `*.artifact = [null]`, `*.sha256 = [null]`}},
			{do: "curl -sf {content}/pulp/content/{u}/a", sum: "{t3_sha256}"},
			{do: "pulp file repository update --name {u} --no-autopublish"},
			{do: "pulp file repository sync --name {u} --mirror"},
			{do: "pulp file repository content list --repository {u}", want: []string{`*.relative_path = ["a"]`}, about: "what the upstream no longer has is gone"},
			{do: "curl -sf {content}/pulp/content/{u}/sub/b", sum: "{t2_sha256}", about: "it was served a while ago"},
			{do: "pulp file repository content modify --repository {u} --base-version 1", about: "rolled back"},
			{do: "pulp file publication create --repository {u}"},
			{do: "curl -sf {content}/pulp/content/{u}/a", sum: "{t1_sha256}"},
			{do: "pulp file repository update --name {u} --remote ''", says: []string{"Done"}},
			{do: "pulp file repository sync --name {u}", exit: 1, says: []string{"remote"}},
			{do: "pulp file repository sync --name {u} --remote {u}", about: "another remote than the repository's"},
			{do: "pulp file repository destroy --name {u}"}, {do: "pulp file remote destroy --name {u}"},
		}},
		{"streamed, and what goes wrong", []line{
			{write: listed(map[string]string{"a": "{t1}"}), do: "pulp file remote create --name {u} --url {upstream}/{u}/PULP_MANIFEST --policy streamed"},
			{do: "pulp file repository create --name {u} --remote {u} --autopublish"}, {do: "pulp file repository sync --name {u}"},
			{do: "pulp file distribution create --name {u} --base-path {u} --repository {u}"},
			{do: "curl -sf {content}/pulp/content/{u}/a", sum: "{t1_sha256}"},
			{do: "pulp artifact list --sha256 {t1_sha256}", want: []string{`. = []`}, about: "streamed files are not kept"},
			{write: map[string]string{"mirror/{u}/PULP_MANIFEST": "a,{t1_sha256},notanumber\n"}, do: "pulp file repository sync --name {u}", exit: 1, says: []string{"(?i)manifest"}},
			{write: map[string]string{"mirror/{u}/PULP_MANIFEST": "a,{t2_sha256},{t1_size}\n"}, do: "pulp file remote update --name {u} --policy immediate"},
			{do: "pulp file repository sync --name {u}", exit: 1, says: []string{"{upstream}/{u}/a"}, about: "a file that has another digest than the manifest says"},
			{do: "pulp file remote update --name {u} --url {upstream}/{u}/nowhere"},
			{do: "pulp file repository sync --name {u}", exit: 1, says: []string{"404"}},
			{do: "pulp file remote update --name {u} --url http://169.254.169.254/PULP_MANIFEST"},
			{do: "pulp file repository sync --name {u}", exit: 1, says: []string{"169.254.169.254"}, about: "addresses inside are refused"},
			{do: "pulp file remote create --name {u}file --url file://{mirror}/{u}/again"},
			{write: map[string]string{"mirror/{u}/again": "a,{t1_sha256},{t1_size}\n"}, do: "pulp file repository sync --name {u} --remote {u}file", about: "from a folder of this host"},
			{do: "pulp file repository content list --repository {u}", want: []string{`*.sha256 = ["{t1_sha256}"]`}},
		}},
		{"alternate content sources", []line{
			{write: listed(map[string]string{"a": "{t1}"}), do: "pulp file remote create --name {u} --url {upstream}/{u}/ --policy on_demand", keep: map[string]string{"remote": "pulp_href"}},
			{do: "pulp file acs create --name {u} --remote {u} --path PULP_MANIFEST --path other/PULP_MANIFEST", want: []string{`name = "{u}"`, `remote = "{remote}"`, `paths.# = 2`}, keep: map[string]string{"acs": "pulp_href"}},
			{do: "pulp file acs show --name {u}", want: []string{`pulp_href = "{acs}"`}}, {do: "pulp file acs show --acs {u}", want: []string{`pulp_href = "{acs}"`}},
			{do: "pulp file acs list --limit 1000 --field name", has: []string{"{u}"}},
			{do: "pulp file acs path remove --name {u} --path other/PULP_MANIFEST"}, {do: "pulp file acs path add --name {u} --path more/PULP_MANIFEST"},
			{do: "pulp file acs show --name {u}", want: []string{`paths ~ more/PULP_MANIFEST`, `paths.# = 2`}},
			{do: "pulp file acs refresh --name {u}", exit: 1, about: "more/PULP_MANIFEST is not there", says: []string{"404"}, told: map[string]string{"group": "(/pulp/api/v3/task-groups/[0-9a-f-]+/)"}},
			{do: "pulp task-group show --href {group}", want: []string{`all_tasks_dispatched = true`, `completed = 1`, `failed = 1`}},
			{do: "pulp task-group list --limit 1000 --field prn", want: []string{`. ~ prn:core.taskgroup`}},
			{do: "pulp file acs path remove --name {u} --path more/PULP_MANIFEST"}, {do: "pulp file acs refresh --name {u}", says: []string{"task group"}},
			{do: "pulp file repository list --limit 1000 --field name", want: []string{`. ~ ^\[`}, about: "the hidden repositories do not show"},
			{do: "pulp file acs update --name {u} --remote {remote}"},
			{do: "pulp file acs create --name {u}2 --remote {u} --path /absolute", exit: 1, says: []string{"paths"}},
			{do: "pulp file acs destroy --name {u}", says: []string{"Done"}}, {do: "pulp file acs show --name {u}", exit: 1, says: []string{"Could not find"}},
		}},
	}
}
