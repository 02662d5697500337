package journey_test

import (
	"strings"
	"testing"
	"time"
)

// codes is a wish about the parts that a sync reports, in their order.
func codes(names ...string) string {
	return `progress_reports.*.code = ["` + strings.Join(names, `","`) + `"]`
}

const (
	fetched, parsed, downloaded = "sync.downloading.metadata", "sync.parsing.metadata", "sync.downloading.artifacts"
	associated, unassociated    = "associating.content", "unassociating.content"
)

// skipped are the wishes about a sync that found nothing new.
func skipped() []string {
	return []string{`progress_reports ~ "code":"sync.was_skipped"`, `progress_reports.# = 1`, `created_resources = []`, `result = null`}
}

// TestSync takes each policy through the life of a folder of files (rest-contract §2.7): it comes in, changes, is
// published and downloaded, rolled back and mirrored.
func TestSync(t *testing.T) {
	t.Parallel()
	onEachThatPulls(t, func(t *testing.T, w *world) {
		for _, policy := range []string{"immediate", "on_demand", "streamed"} {
			t.Run(policy, func(t *testing.T) {
				t.Parallel()
				folderLife(t, w.pulls(t, policy, ""), policy)
			})
		}
		t.Run("skipping", func(t *testing.T) { t.Parallel(); skipping(w.pulls(t, "on_demand", "")) })
		t.Run("requests that are refused", func(t *testing.T) { t.Parallel(); refusedSyncs(w.pulls(t, "immediate", "")) })
		t.Run("automatic publications", func(t *testing.T) { t.Parallel(); publishedSyncs(w.pulls(t, "immediate", `,"autopublish":true`)) })
		t.Run("versions that are kept", func(t *testing.T) { t.Parallel(); keptSyncs(w.pulls(t, "on_demand", `,"retain_repo_versions":1`)) })
		t.Run("what is listed twice", func(t *testing.T) { t.Parallel(); repeated(w.pulls(t, "immediate", "")) })
		t.Run("many files", func(t *testing.T) { t.Parallel(); manyFiles(w.pulls(t, "on_demand", "")) })
		t.Run("a remote that is gone", func(t *testing.T) { t.Parallel(); goneRemotes(w.pulls(t, "on_demand", "")) })
		t.Run("nothing", func(t *testing.T) { t.Parallel(); emptySyncs(w.pulls(t, "immediate", "")) })
	})
}

// goneRemotes deletes the remote of files that were never downloaded, and of a schedule.
func goneRemotes(p *pull) {
	p.has("a", "one")
	p.sync(`{}`, "completed")
	p.step(step{do: "DELETE {remote}", status: 202, task: "completed"})
	p.step(step{do: "POST /publications/file/file/", body: `{"repository":"{repo}"}`, status: 202, task: "failed", want: []string{`error.description ~ a is not downloaded and the remote that it came from is not there any more`}})
	p.step(step{do: "POST /task-schedules/", body: `{"name":"{u}","task_name":"pulp_file.app.tasks.synchronizing.synchronize","cron":"@yearly","task_args":{"repository":"{repo_prn}","remote":"{remote_prn}"},"next_dispatch":"2001-01-01T00:00:00Z"}`,
		status: 201})
	failed := step{do: "GET /tasks/?state=failed&logging_cid=schedule:{u}", status: 200}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for check(p.do(p.t, p.request(p.t, failed, p.vars)).Body.Bytes(), "count = 1") != "" {
		select {
		case <-again.C:
		case <-p.t.Context().Done():
			p.t.Fatal("the schedule was not fired")
		}
	}
	p.step(step{do: failed.do, status: 200, want: []string{`results.0.error.description ~ the remote {remote_prn} is not there any more; change the schedule or the request`}})
}

func folderLife(t *testing.T, p *pull, policy string) {
	paths := []string{"a", "b", "sub dir/c, d"}
	parts := []string{fetched, parsed, associated}
	if policy == "immediate" {
		parts = []string{fetched, parsed, downloaded, associated}
	}
	p.has("a", "one", "b", "big two", "sub dir/c, d", "three")
	p.sync(`{}`, "completed", `name = "pulp_file.app.tasks.synchronizing.synchronize"`, `reserved_resources_record.0 = "{repo_prn}"`, `reserved_resources_record.1 = "shared:{remote_prn}"`, `created_resources = ["{repo}versions/1/"]`,
		`result.pulp_href = "{repo}versions/1/"`, `result.number = 1`, `result.content_summary.added ~ "file.file":\{"count":3,`, codes(parts...), `progress_reports.0.done = 1`, `progress_reports.0.state = "completed"`,
		`progress_reports.1.done = 3`, `progress_reports.1.total = 3`, `progress_reports.2.done = 3`, `progress_reports.2.total = 3`, `error = null`)
	p.holds("{repo}versions/1/", "a", "one", "b", "big two", "sub dir/c, d", "three")
	p.step(step{do: "GET {repo}", status: 200, want: []string{`last_sync_details.url = "{up}/in/PULP_MANIFEST"`, `last_sync_details.most_recent_version = 1`, `last_sync_details.download_policy = "` + policy + `"`,
		`last_sync_details.sync_mirror = false`, `last_sync_details.manifest_checksum = "` + sum(p.list("a", "one", "b", "big two", "sub dir/c, d", "three")) + `"`}})
	if here := p.stored(p.text("one")); here != (policy == "immediate") {
		t.Errorf("after the sync, a file is stored: %v", here)
	}
	p.sync(`{"remote":"{remote_prn}"}`, "completed", skipped()...)
	p.sync(`{"optimize":false}`, "completed", `progress_reports ~ "code":"sync.parsing.metadata"`, `created_resources = []`, `result = null`)
	if status, _, _ := p.get("a"); status != 404 {
		t.Errorf("what is not published answers %d", status)
	}
	p.publish()
	for range 2 {
		p.serves("a", "one", "b", "big two", "sub%20dir/c,%20d", "three")
	}
	p.wasAsked(paths, map[string][]int{"immediate": {1, 1, 1}, "on_demand": {1, 1, 1}, "streamed": {2, 2, 2}}[policy]...)
	if here := p.stored(p.text("one")); here != (policy != "streamed") {
		t.Errorf("after the download, a file is stored: %v", here)
	}
	if status, list, err := p.get("PULP_MANIFEST"); status != 200 || err != nil || len(list) != len(p.list("a", "one", "b", "big two", "sub dir/c, d", "three")) || !strings.Contains(list, p.list("sub dir/c, d", "three")) {
		t.Errorf("the manifest answers %d, %q, %v", status, list, err)
	}

	p.has("a", "one", "b", "big four", "sub dir/c, d", "three")
	p.sync(`{}`, "completed", `created_resources = ["{repo}versions/2/"]`, `result.content_summary.added ~ "count":1,`, `result.content_summary.removed ~ "count":1,`, `progress_reports ~ "unassociating.content"`)
	p.holds("{repo}versions/2/", "a", "one", "b", "big four", "sub dir/c, d", "three")
	p.holds("{repo}versions/1/", "a", "one", "b", "big two", "sub dir/c, d", "three")
	p.publish()
	p.serves("a", "one", "b", "big four")
	p.wasAsked(paths, map[string][]int{"immediate": {1, 2, 1}, "on_demand": {1, 2, 1}, "streamed": {3, 3, 2}}[policy]...)

	p.rollBack("{repo}versions/1/")
	p.holds("{repo}", "a", "one", "b", "big two", "sub dir/c, d", "three")
	p.serves("a", "one")
	if policy == "streamed" { // nobody has the old bytes any more
		p.breaks("b")
	} else {
		p.serves("b", "big two")
	}
	mirrored(t, p)
}

// mirrored goes on after a roll-back: the repository becomes what the upstream has.
func mirrored(t *testing.T, p *pull) {
	list := "# our files\r\n\r\n" + strings.ReplaceAll(p.list("b", "big four"), "\n", "\r\n") + " " + p.list("e", "five") + "# end"
	p.up.Set("/in/e", []byte(p.text("five")))
	p.up.Set(manifest, []byte(list))
	p.step(step{do: "POST {repo}sync/", body: `{"mirror":true}`, status: 202, task: "completed", keep: map[string]string{"pub": "created_resources.1"},
		want: []string{`created_resources.# = 2`, `created_resources.0 = "{repo}versions/4/"`, `result.number = 4`, `progress_reports ~ "unassociating.content"`, `result.content_summary.removed ~ "count":3,`}})
	p.holds("{repo}", "b", "big four", "e", "five")
	p.step(step{do: "GET {pub}", status: 200, want: []string{`repository_version = "{repo}versions/4/"`, `manifest = "PULP_MANIFEST"`}})
	p.serves("b", "big four", "e", "five")
	if status, got, err := p.get("PULP_MANIFEST"); status != 200 || err != nil || got != list {
		t.Errorf("the manifest of a mirror answers %d, %q, %v; want %q", status, got, err, list)
	}
	p.serves("a", "one") // it was served a while ago
	p.sync(`{"mirror":true}`, "completed", skipped()...)
	p.sync(`{}`, "completed", skipped()...)
}

// skipping shows what makes a sync run although the manifest is the same.
func skipping(p *pull) {
	runs := `progress_reports ~ "code":"sync.parsing.metadata"`
	p.has("a", "one", "b", "two")
	p.sync(``, "completed", `created_resources.# = 1`)
	p.sync(`{"optimize":true}`, "completed", skipped()...)
	p.sync(`{"mirror":true}`, "completed", runs, `created_resources = []`)
	p.sync(`{"mirror":true}`, "completed", skipped()...)
	p.remote("second", manifest, `"policy":"on_demand"`)
	p.sync(`{"remote":"{second}"}`, "completed", runs, `created_resources = []`, `reserved_resources_record.1 = "shared:{second_prn}"`)
	p.sync(`{"remote":"{second}"}`, "completed", skipped()...)
	p.sync(`{}`, "completed", runs)
	p.step(step{do: "PATCH {remote}", body: `{"url":"{up}/moved/LIST"}`, status: 202, task: "completed"})
	for path, text := range map[string]string{"a": "one", "b": "two"} {
		p.up.Set("/moved/"+path, []byte(p.text(text)))
	}
	p.up.Set("/moved/LIST", []byte(p.list("a", "one", "b", "two")))
	p.sync(`{}`, "completed", runs, `created_resources = []`)
	p.sync(`{}`, "completed", skipped()...)
	p.publish()
	p.serves("a", "one")
	p.step(step{do: "PATCH {remote}", body: `{"policy":"immediate"}`, status: 202, task: "completed"})
	p.sync(`{}`, "completed", runs, `progress_reports ~ "code":"sync.downloading.artifacts"`, `created_resources = []`)
	if !p.stored(p.text("two")) || p.up.Count("/moved/b") != 1 || p.up.Count("/moved/a")+p.up.Count("/in/a") != 1 {
		p.t.Errorf("after the policy became immediate, b is stored: %v, after %d requests", p.stored(p.text("two")), p.up.Count("/moved/b"))
	}
	p.sync(`{}`, "completed", skipped()...)
	p.step(step{do: "PATCH {remote}", body: `{"policy":"streamed"}`, status: 202, task: "completed"})
	p.sync(`{}`, "completed", skipped()...)
	p.step(step{do: "POST {repo}modify/", body: `{"remove_content_units":["*"]}`, status: 202, task: "completed"})
	p.sync(`{}`, "completed", runs, `created_resources.# = 1`)
	p.holds("{repo}", "a", "one", "b", "two")
}

func refusedSyncs(p *pull) {
	refused := func(body string, want ...string) {
		p.t.Helper()
		p.step(step{do: "POST {repo}sync/", body: body, status: 400, want: want})
	}
	refused(`{"remote":"{repo}"}`, `remote.# = 1`)
	refused(`{"remote":"{repo_prn}"}`, `remote.# = 1`)
	refused(`{"remote":"/pulp/api/v3/remotes/file/file/{none}/"}`, `remote.# = 1`)
	refused(`{"remote":"nowhere"}`, `remote.# = 1`)
	refused(`{"remote":""}`, `remote.# = 1`)
	refused(`{"mirror":"perhaps"}`, `mirror.# = 1`)
	refused(`{"optimize":"perhaps"}`, `optimize.# = 1`)
	refused(`{"policy":"immediate"}`, `policy = ["Unexpected field"]`)
	p.step(step{as: plain, do: "POST {repo}sync/", body: `{}`, status: 404})
	p.step(step{as: "nobody", do: "POST {repo}sync/", body: `{}`, status: 401})
	p.step(step{do: "PATCH {repo}", body: `{"autopublish":true}`, status: 202, task: "completed"})
	refused(`{"mirror":true}`, `. = ["Cannot use mirror mode with autopublished repository."]`)
	p.step(step{do: "DELETE {remote}", status: 202, task: "completed"})
	refused(`{}`, `. = {"remote":["A remote must be specified here or on the repository."]}`)
	refused(`{"remote":"{remote_prn}"}`, `remote.# = 1`)
	p.step(step{do: "GET /tasks/?reserved_resources={repo}&name__contains=synchronize", status: 200, want: []string{`count = 0`}})
	p.step(step{do: "GET {repo}versions/", status: 200, want: []string{`count = 1`}})
}

func publishedSyncs(p *pull) {
	p.has("a", "one")
	p.sync(`{}`, "completed", `created_resources.# = 2`, `created_resources.0 = "{repo}versions/1/"`, `created_resources.1 ~ /publications/file/file/`, `result.number = 1`)
	p.serves("a", "one")
	if status, list, err := p.get("PULP_MANIFEST"); status != 200 || list != p.list("a", "one") || err != nil {
		p.t.Errorf("the manifest answers %d, %q, %v", status, list, err)
	}
}

func keptSyncs(p *pull) {
	p.has("a", "one", "b", "two")
	p.sync(`{}`, "completed")
	p.step(step{do: "GET {repo}versions/", status: 200, want: []string{`results.*.number = [1,0]`}, about: "what is served does not count"})
	p.has("a", "three", "b", "two")
	p.sync(`{}`, "completed")
	p.step(step{do: "GET {repo}versions/", status: 200, want: []string{`results.*.number = [2,1]`}})
	p.holds("{repo}", "a", "three", "b", "two")
	p.sync(`{}`, "completed", skipped()...)
}

// repeated shows that the last line of a path counts, and that a line which is there twice is one.
func repeated(p *pull) {
	p.has("b", "two", "a", "old", "b", "two", "a", "new")
	p.up.Always("/in/a", nil)
	p.up.Set("/in/a", []byte(p.text("new")))
	p.up.Set(manifest, []byte(p.list("b", "two", "a", "new", "b", "two", "a", "new")))
	p.sync(`{}`, "completed", `progress_reports.1.done = 4`, `result.content_summary.added ~ "count":2,`)
	p.holds("{repo}", "a", "new", "b", "two")
	p.publish()
	p.serves("a", "new", "b", "two")
	p.up.Set(manifest, []byte(p.list("a", "other", "a", "new")))
	p.up.Script("/in/a") // it has one text only
	p.fails(`{}`, "{up}/in/a")
	p.step(step{do: "PATCH {remote}", body: `{"policy":"on_demand"}`, status: 202, task: "completed"})
	p.sync(`{}`, "completed", `created_resources = []`)
	p.holds("{repo}", "a", "new", "b", "two")
	p.up.Set(manifest, []byte(p.list("a", "new", "a", "other")))
	p.sync(`{}`, "completed", `result.number = 2`)
	p.holds("{repo}", "a", "other", "b", "two")
	p.up.Set(manifest, []byte(p.list("a", "new")))
	p.sync(`{}`, "completed", `result.number = 3`)
	p.holds("{repo}", "a", "new", "b", "two")
	p.up.Set(manifest, []byte(p.list("a/b", "two", "a", "new")))
	p.fails(`{}`, "a/b")
}

// manyFiles are more than one batch; one that changes among them is one.
func manyFiles(p *pull) {
	const many = 1234
	var all []string
	for i := range many {
		all = append(all, strings.Repeat("d/", i%3)+"f"+strings.Repeat("x", i%7)+sum(string(rune(i)))[:12], "same")
	}
	p.has(all...)
	p.sync(`{}`, "completed", `result.content_summary.added ~ "count":1234,`, `progress_reports.1.done = 1234`, `progress_reports.2.done = 1234`)
	all[1001*2+1] = "changed"
	p.up.Set("/in/"+all[1001*2], []byte(p.text("changed")))
	p.up.Set(manifest, []byte(p.list(all...)))
	p.sync(`{}`, "completed", `result.content_summary.added ~ "count":1,`, `result.content_summary.removed ~ "count":1,`, `result.content_summary.present ~ "count":1234,`)
	p.publish()
	p.serves(all[0], "same", all[1001*2], "changed")
}

func emptySyncs(p *pull) {
	p.up.Set(manifest, nil)
	p.sync(`{}`, "completed", `created_resources = []`, `result = null`)
	p.has("a", "one")
	p.sync(`{}`, "completed", `created_resources.# = 1`)
	p.up.Set(manifest, []byte("# all gone\n"))
	p.sync(`{}`, "completed", `created_resources = []`)
	p.holds("{repo}", "a", "one")
	p.sync(`{"mirror":true}`, "completed", `created_resources.# = 2`, `result.content_summary.present = {}`)
	p.holds("{repo}")
	if status, list, err := p.get("PULP_MANIFEST"); status != 200 || list != "# all gone\n" || err != nil {
		p.t.Errorf("the manifest answers %d, %q, %v", status, list, err)
	}
}
