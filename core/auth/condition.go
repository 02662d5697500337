package auth

import (
	"regexp"
	"strings"
	"sync"

	"github.com/packhouse/packhouse/core/errs"
)

// condition is a named predicate of a statement with its argument, such as
// "has_model_or_domain_or_obj_perms:file.view_filerepository" (rest-contract §1.18).
type condition struct {
	text       string
	permission string
	// relation says whose permission is asked for: "" the object's, a parent's or that of something that the body names.
	relation string
	// model, domain and object are the levels at which a role may give it.
	model, domain, object bool
	// required wants the body to name a repository, unless a superuser sends it.
	required bool
}

// The relations of conditions to objects: those of params are named in the body.
const (
	relParent      = "repository"
	relGroup       = "group"
	relAttached    = "repo_attr"
	relRemote      = "remote_param"
	relRepository  = "repo_or_repo_ver_param"
	relPublication = "publication_param"
	relUpload      = "upload_param"
)

// uploadCondition is the predicate for creating content.
const uploadCondition = "has_required_repo_perms_on_upload"

var conditionName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^has_(?:(remote_param|repo_attr|repository|repo_or_repo_ver_param|publication_param|upload_param|group)_)?(model|domain|obj|model_or_domain|model_or_obj|model_or_domain_or_obj)_perms$`)
})

func parseCondition(text string) (condition, error) {
	name, permission, _ := strings.Cut(text, ":")
	if _, ok := Rule(permission).Permission(); !ok {
		return condition{}, errs.New(errs.Invalid, "The condition %q needs a permission such as file.view_filerepository after a colon.", text)
	}
	if name == uploadCondition {
		return condition{text: text, permission: permission, relation: relRepository, model: true, domain: true, object: true, required: true}, nil
	}
	parts := conditionName().FindStringSubmatch(name)
	if parts == nil {
		return condition{}, errs.New(errs.Invalid, "%q is no known condition; look at the policies that are there for the names.", name)
	}
	levels := strings.Split(parts[2], "_or_")
	c := condition{text: text, permission: permission, relation: parts[1]}
	for _, level := range levels {
		c.model, c.domain, c.object = c.model || level == "model", c.domain || level == "domain", c.object || level == "obj"
	}
	return c, nil
}

// ofBody tells whether the condition is about something that the body names.
func (c condition) ofBody() bool {
	return strings.HasSuffix(c.relation, "_param")
}
