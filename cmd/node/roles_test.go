package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/base"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/plugins/file"
)

// contractRoles are the locked roles of the contract (rest-contract, Appendix B) for the models that are served here:
// by model the verbs of its owner, with "add" where there is a role of creators.
var contractRoles = map[string]string{
	"core.upload":                      "add view change delete manage_roles",
	"core.task":                        "view change delete manage_roles",
	"core.taskschedule":                "view manage_roles",
	"core.group":                       "add view change delete manage_roles",
	"core.domain":                      "add view change delete manage_roles",
	"core.rbaccontentguard":            "add view change delete manage_roles",
	"core.compositecontentguard":       "add view change delete manage_roles",
	"core.headercontentguard":          "add view change delete manage_roles",
	"core.contentredirectcontentguard": "add view change delete manage_roles",
	"file.filerepository":              "add view change delete modify sync manage_roles repair",
	"file.fileremote":                  "add view change delete manage_roles",
	"file.filegitremote":               "add view change delete manage_roles",
	"file.filedistribution":            "add view change delete manage_roles",
	"file.filepublication":             "add view delete manage_roles",
	"file.filealternatecontentsource":  "add view change delete refresh manage_roles",
}

// contractMore are those that the table of the contract lists beside them.
var contractMore = map[string]string{
	"core.task_user_dispatcher":        "core.add_task",
	"core.rbaccontentguard_downloader": "core.download_rbaccontentguard",
	"core.content_labeler":             "core.manage_content_labels",
	"file.file_uploader":               "file.upload_files",
}

func wantedRoles() map[string]string {
	want := maps.Clone(contractMore)
	for model, verbs := range contractRoles {
		label, name, _ := strings.Cut(model, ".")
		var owner []string
		for verb := range strings.FieldsSeq(verbs) {
			permission := fmt.Sprintf("%s.%s_%s", label, verb, name)
			if verb == "add" {
				want[model+"_creator"] = permission
				continue
			}
			owner = append(owner, permission)
		}
		if model == "core.task" {
			owner = append(owner, "core.view_task_profile_artifacts")
		}
		slices.Sort(owner)
		want[model+"_owner"], want[model+"_viewer"] = strings.Join(owner, " "), fmt.Sprintf("%s.view_%s", label, name)
	}
	return want
}

func TestTheLockedRolesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	declared := DeclaredAccess(app.NewRegistry(base.App(), file.App()), config.Settings{})
	have := map[string]string{}
	for _, r := range declared.Roles() {
		have[r.Name] = strings.Join(r.Permissions, " ")
	}
	for name, permissions := range wantedRoles() {
		if have[name] != permissions {
			t.Errorf("the role %s has %q, want %q", name, have[name], permissions)
		}
		delete(have, name)
	}
	// Beyond the contract: a role for all of a domain, and artifacts of one's own, so that users can make content of what
	// they sent without seeing everybody's.
	for _, name := range []string{"core.domain_admin", "core.artifact_creator", "core.artifact_owner", "core.artifact_viewer"} {
		delete(have, name)
	}
	for name, permissions := range have {
		t.Errorf("the role %s with %q is not in the contract", name, permissions)
	}
}
