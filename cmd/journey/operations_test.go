package journey_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/api"
)

// family is a row of the table of resources that the REST contract has (rest-contract §2.0), with its filters (§1.12, §2).
type family struct {
	// path below the API root, prefix of the operation ids, tag, parameter of the detail paths.
	path, prefix, tag, href string
	// verbs are list, create, read, update, partial update and delete by their letters, and further actions.
	verbs   string
	filters string
}

// The filters that come in families (§1.12).
const (
	base      = " ordering q pulp_id__in pulp_href__in prn__in limit offset fields exclude_fields "
	names     = " name name__iexact name__in name__contains name__icontains name__startswith name__istartswith name__regex name__iregex "
	ofContent = " repository_version repository_version_added repository_version_removed orphaned_for pulp_label_select "
	typed     = " pulp_type pulp_type__in "
	created   = " pulp_created pulp_created__lt pulp_created__lte pulp_created__gt pulp_created__gte pulp_created__range "
)

func moments(name string) string { return strings.ReplaceAll(created, "pulp_created", name) }

func numbers(name string) string {
	return strings.ReplaceAll(" X X__ne X__lt X__lte X__gt X__gte X__range X__isnull ", "X", name)
}

// families are the rows that are served; what is served beyond them, or less, shows in docs/catalogue.md.
func families() []family {
	ofRepositories := names + numbers("retain_repo_versions") + numbers("retain_checkpoints") + " remote with_content latest_with_content pulp_label_select "
	ofVersions := created + " number number__lt number__lte number__gt number__gte number__range content content__in prn__in q ordering limit offset fields exclude_fields "
	ofRemotes := names + moments("pulp_last_updated") + " pulp_label_select "
	ofPublications := created + " repository repository_version content content__in checkpoint "
	ofDistributions := names + " base_path base_path__contains base_path__icontains base_path__in repository repository__in checkpoint pulp_label_select with_content "
	return []family{
		{"artifacts", "artifacts", "Artifacts", "artifact_href", "L C R D", base + "md5 sha1 sha224 sha256 sha384 sha512 repository_version orphaned_for"},
		{"domains", "domains", "Domains", "domain_href", "L C R U P D migrate set_label unset_label", base + names + " pulp_label_select"},
		{"uploads", "uploads", "Uploads", "upload_href", "L C R U D commit", base + "size size__lt size__gt size__range"},
		{"tasks", "tasks", "Tasks", "task_href", "L R cancel D purge", base + created + moments("started_at") + moments("finished_at") + moments("unblocked_at") +
			" state state__in state__ne name name__contains name__in name__ne logging_cid logging_cid__contains parent_task child_tasks task_group created_resources worker" +
			" reserved_resources reserved_resources__in exclusive_resources exclusive_resources__in shared_resources shared_resources__in"},
		{"task-groups", "task_groups", "Task-Groups", "task_group_href", "L R cancel", " limit offset fields exclude_fields"},
		{"task-schedules", "task_schedules", "Task-Schedules", "task_schedule_href", "L R", base + " name name__contains task_name task_name__contains"},
		{"workers", "workers", "Workers", "worker_href", "L R", base + names + moments("last_heartbeat") + " online missing"},
		{"content", "content", "Content", "", "L", base + typed + ofContent},
		{"content/file/files", "content_file_files", "Content: Files", "file_file_content_href", "L C R upload set_label unset_label",
			base + ofContent + strings.ReplaceAll(names, "name", "relative_path") + " digest sha256"},
		{"repositories", "repositories", "Repositories", "", "L", base + typed + ofRepositories},
		{"repositories/file/file", "repositories_file_file", "Repositories: File", "file_file_repository_href", "L C R U P D sync modify set_label unset_label", base + ofRepositories},
		{"repositories/file/file/{file_file_repository_href}versions", "repositories_file_file_versions", "Repositories: File Versions", "file_file_repository_version_href", "L R D repair", ofVersions},
		{"repository_versions", "repository_versions", "Repository_Versions", "", "L", ofVersions},
		{"remotes", "remotes", "Remotes", "", "L", base + typed + ofRemotes},
		{"remotes/file/file", "remotes_file_file", "Remotes: File", "file_file_remote_href", "L C R U P D set_label unset_label", base + ofRemotes},
		{"remotes/file/git", "remotes_file_git", "Remotes: Git", "file_file_git_remote_href", "L C R U P D set_label unset_label", base + ofRemotes},
		{"publications", "publications", "Publications", "", "L", base + typed + ofPublications},
		{"publications/file/file", "publications_file_file", "Publications: File", "file_file_publication_href", "L C R D", base + ofPublications},
		{"distributions", "distributions", "Distributions", "", "L", base + typed + ofDistributions},
		{"distributions/file/file", "distributions_file_file", "Distributions: File", "file_file_distribution_href", "L C R U P D set_label unset_label", base + ofDistributions},
		{"acs/file/file", "acs_file_file", "Acs: File", "file_file_alternate_content_source_href", "L C R U P D refresh", base + names},
	}
}

// place is where a verb of a family is: method, path and operation id.
func (f family) place(verb string) (method, path, id string) {
	const root = "/pulp/api/v3/"
	list, object := root+f.path+"/", "{"+f.href+"}"
	if _, nested, found := strings.Cut(f.path, "}"); found {
		list = f.path[strings.Index(f.path, "{"):len(f.path)-len(nested)] + nested + "/"
	}
	switch verb {
	case "L":
		return "get", list, "list"
	case "C":
		return "post", list, "create"
	case "R":
		return "get", object, "read"
	case "U":
		return "put", object, "update"
	case "P":
		return "patch", object, "partial_update"
	case "D":
		return "delete", object, "delete"
	case "cancel":
		return "patch", object, "cancel"
	case "purge", "upload", "migrate":
		return "post", list + verb + "/", verb
	}
	return "post", object + verb + "/", verb
}

// TestEveryOperationOfTheContractIsDeclared looks for ids, paths, tags and parameters by which clients find operations.
func TestEveryOperationOfTheContractIsDeclared(t *testing.T) {
	t.Parallel()
	d, _ := read(t, api.DocumentOptions{})
	for _, f := range families() {
		for _, verb := range strings.Fields(f.verbs) {
			method, path, name := f.place(verb)
			id := f.prefix + "_" + name
			op, there := d.Paths[path][method]
			if !there || op.OperationID != id || !slices.Equal(op.Tags, []string{f.tag}) {
				t.Errorf("%s %s is %q of %v, want %s of %s", method, path, op.OperationID, op.Tags, id, f.tag)
				continue
			}
			have := map[string]bool{}
			for _, p := range op.Parameters {
				have[p.Name] = true
			}
			want := []string{"X-Task-Diagnostics"}
			if method == "get" {
				want = append(want, "fields", "exclude_fields")
			}
			if verb == "L" {
				want = append(want, strings.Fields(f.filters)...)
			}
			for _, one := range want {
				if !have[one] {
					t.Errorf("%s lacks the parameter %s", id, one)
				}
			}
		}
	}
}

// TestBindingsHaveShortIDs: the names that generated clients give their methods (rest-contract §6.8).
func TestBindingsHaveShortIDs(t *testing.T) {
	t.Parallel()
	d, _ := read(t, api.DocumentOptions{Bindings: true})
	for place, want := range map[string]string{
		"get /pulp/api/v3/repositories/file/file/": "list", "patch {file_file_repository_href}": "partial_update", "post {file_file_repository_href}sync/": "sync",
		"patch {task_href}": "tasks_cancel", "patch {task_group_href}": "task_groups_cancel", "post /pulp/api/v3/tasks/purge/": "purge",
		"post /pulp/api/v3/orphans/cleanup/": "cleanup", "delete /pulp/api/v3/orphans/": "delete", "post /pulp/api/v3/repair/": "post",
		"post /pulp/api/v3/repositories/reclaim_space/": "reclaim", "get /pulp/api/v3/status/": "status_read", "get /pulp/api/v3/livez/": "livez_read",
		"post /pulp/api/v3/login/": "login", "delete /pulp/api/v3/login/": "logout", "get /pulp/api/v3/login/": "login_read",
	} {
		method, path, _ := strings.Cut(place, " ")
		if got := d.Paths[path][method].OperationID; got != want {
			t.Errorf("%s is %q in bindings, want %q", place, got, want)
		}
	}
}

// TestTheFormsOfBodiesStandInOrder: generated clients send the first form that a body may have.
func TestTheFormsOfBodiesStandInOrder(t *testing.T) {
	t.Parallel()
	_, text := read(t, api.DocumentOptions{})
	lines := strings.Join(strings.Fields(string(text)), "")
	if strings.Contains(lines, `"content":{"application/x-www-form-urlencoded"`) {
		t.Error("some body has its worst form first")
	}
	for _, form := range []string{`"content":{"multipart/form-data":`, `"content":{"application/json":`} {
		if !strings.Contains(lines, form) {
			t.Errorf("no body begins with %s", form)
		}
	}
}
