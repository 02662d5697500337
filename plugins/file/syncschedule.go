package file

import (
	"slices"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/task"
)

// Scheduled takes repository and remote as PRNs, of which it makes the rest. That they are in the domain shows when the
// task reads them.
func (a syncArgs) Scheduled(string) (task.Args, error) {
	if a.RepositoryPRN+a.RemotePRN+a.ACS+a.ACSPRN+a.URL != "" {
		return nil, errs.New(errs.Invalid, "a schedule takes repository, remote, mirror and optimize only")
	}
	var err error
	if a.RepositoryPRN, a.Repository, err = named("repository", a.Repository, repositoryKind.Model()); err != nil {
		return nil, err
	}
	if a.RemotePRN, a.Remote, err = named("remote", a.Remote, remoteModels()...); err != nil {
		return nil, err
	}
	return a, nil
}

// named takes the PRN of an object of one of some kinds apart.
func named(member, text string, labels ...string) (prn, id string, err error) {
	label, id, err := ident.ParsePRN(text)
	if err != nil || !slices.Contains(labels, label) {
		return "", "", errs.New(errs.Invalid, "give %s as a PRN that begins with prn:%s:", member, labels[0])
	}
	id, valid := ident.Parse(id)
	if !valid {
		return "", "", errs.New(errs.Invalid, "give %s as a PRN that ends in a UUID", member)
	}
	return ident.PRN(label, id), id, nil
}

var _ task.ForSchedule = syncArgs{}
