package resource

import (
	"context"
	"testing"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

const someID = "01890000-0000-7000-8000-000000000001"

func someKinds() (*Registry, Names) {
	r := NewRegistry()
	r.Add(Kind{Path: "repositories/file/file", Model: "file.filerepository", Type: "file.file", Table: "core_repositories"})
	r.Add(Kind{Path: "tasks", Model: "core.task", Table: "core_tasks"})
	r.AddLocator(Kind{Path: "repository_versions", Model: "core.repositoryversion", Table: "core_repository_versions"}, func(_ context.Context, _ *gorm.DB, path string) (string, bool, error) {
		return someID, path == "repositories/file/file/x/versions/1/", nil
	})
	return r, Names{Root: "/pulp/", Kinds: r}
}

func TestWaysToNameAnObject(t *testing.T) {
	t.Parallel()
	r, names := someKinds()
	const repo = "prn:file.filerepository:" + someID
	for text, want := range map[string]string{
		"/pulp/api/v3/repositories/file/file/" + someID + "/":                       repo,
		"http://host/pulp/api/v3/repositories/file/file/" + someID + "/":            repo,
		"HTTPS://h:1/pulp/api/v3/repositories/file/file/" + someID + "/?a=b#c":      repo,
		"/pulp/api/v3/repositories/file/file/01890000-0000-7000-8000-00000000000A/": "prn:file.filerepository:01890000-0000-7000-8000-00000000000a",
		repo:                                   repo,
		"prn:core.repositoryversion:" + someID: "prn:core.repositoryversion:" + someID,
		"/pulp/api/v3/repositories/file/file/x/versions/1/":          "prn:core.repositoryversion:" + someID,
		"/pulp/api/v3/repositories/file/file/x/versions/2/":          "fault",
		"/other/api/v3/repositories/file/file/" + someID + "/":       "fault",
		"pulp/api/v3/repositories/file/file/" + someID + "/":         "fault",
		"ftp://h/pulp/api/v3/repositories/file/file/" + someID + "/": "fault",
		"x://http://h/pulp/api/v3/tasks/" + someID + "/":             "fault",
		"http:///pulp/api/v3/tasks/" + someID + "/":                  "fault",
		"http://host":                                 "fault",
		"/pulp/api/v3/repositories/file/file/":        "fault",
		"/pulp/api/v3/repositories/file/file/x/":      "fault",
		"/pulp/api/v3/tasks/" + someID + "/cancel/":   "fault",
		"/pulp/api/v3/tasks/../tasks/" + someID + "/": "fault",
		"prn:core.task":                               "fault",
		"prn:core.task:x":                             "fault",
		"prn:task:" + someID:                          "fault",
		"prn:foo.bar:" + someID:                       "fault",
		"prn:core.task:" + someID + ":more":           "fault",
		"PRN:core.task:" + someID:                     "fault",
		"":                                            "fault",
		"%zz":                                         "fault",
	} {
		o, err := r.locate(t.Context(), nil, names, text)
		got := "fault"
		if err == nil {
			got = o.PRN()
		} else if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", text, err)
		}
		if got != want {
			t.Errorf("%q is %s, want %s (%v)", text, got, want, err)
		}
	}
}

func TestAListIsNamedByItsHref(t *testing.T) {
	t.Parallel()
	r, names := someKinds()
	for text, want := range map[string]bool{"/pulp/api/v3/tasks/": true, "http://h/pulp/api/v3/tasks/": true, "/pulp/api/v3/tasks/" + someID + "/": false, "tasks/": false, "": false} {
		if _, got := r.List(names, text); got != want {
			t.Errorf("%q is a list: %v, want %v", text, got, want)
		}
	}
}

func TestTwiceDeclaredIsAWiringMistake(t *testing.T) {
	t.Parallel()
	for name, twice := range map[string]Kind{"path": {Path: "tasks", Model: "x.y"}, "type": {Path: "repositories/x/y", Model: "x.y", Type: "file.file"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("two resources of one %s are taken", name)
				}
			}()
			r, _ := someKinds()
			r.Add(twice)
		}()
	}
}

func TestSelection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keep, drop []string
		name       string
		want       bool
	}{{nil, nil, "a", true}, {[]string{"a"}, nil, "a", true}, {[]string{"a"}, nil, "b", false}, {nil, []string{"a"}, "a", false}, {[]string{"a"}, []string{"a"}, "a", false}} {
		if got := (selection{c.keep, c.drop}).shows(c.name); got != c.want {
			t.Errorf("%v shows %s: %v", c, c.name, got)
		}
	}
}

func TestNamesOfTheDocument(t *testing.T) {
	t.Parallel()
	for component, want := range map[string]string{"file.FileRepository": "file_file_repository_href", "OpenPGPKeyring": "open_p_g_p_keyring_href", "certguard.RHSMCertGuard": "certguard_r_h_s_m_cert_guard_href", "Artifact": "artifact_href"} {
		if got := HrefName(component); got != want {
			t.Errorf("%s gives %s, want %s", component, got, want)
		}
	}
	for path, want := range map[string]string{"repositories/file/file": "Repositories: File", "repositories/file/file/{r}/versions": "Repositories: File Versions", "task-groups": "Task-Groups", "content/core/openpgp_publickey": "Content: Openpgp_Publickey"} {
		if got := tagOf(path); got != want {
			t.Errorf("%s has the tag %s, want %s", path, got, want)
		}
	}
}
