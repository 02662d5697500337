package noun

import (
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// RepairVersion is the task that looks after the files of one version; the core's app does the work.
type RepairVersion struct {
	Repository    string `json:"repository"`
	RepositoryPRN string `json:"repository_prn"`
	Number        int64  `json:"number"`
	// Verify reads every file and compares its checksum; otherwise only files that are missing are noticed.
	Verify bool `json:"verify"`
}

// Kind is the task's name.
func (RepairVersion) Kind() string { return "pulpcore.app.tasks.repository.repair_version" }

// Locks let others read the repository meanwhile.
func (a RepairVersion) Locks() task.Locks { return task.Shared(a.RepositoryPRN) }

// RepairBody is what a repair is asked with.
type RepairBody struct {
	// Verify reads every file and compares its checksum.
	Verify bool
}

// TakesRepair describes the body of a repair.
func TakesRepair() resource.Accepts[RepairBody] {
	return resource.Accepts[RepairBody]{Component: "Repair", Fields: []resource.Field[RepairBody]{
		resource.Bool("verify_checksums", func(b *RepairBody) *bool { return &b.Verify }).Unstored().Default(true).Optional().
			Doc("Will verify that the checksum of all stored files matches what is recorded in the database."),
	}}
}

// repairAction fetches files of a version again that are missing or damaged.
func repairAction(label string) resource.Action[Version] {
	body := TakesRepair()
	return resource.Action[Version]{
		Verb: "repair", Doc: "Fetch missing and damaged files of the version again.", Body: body, Answers: resource.Accepted(),
		Handle: func(c *resource.Call, v *Version) (*resource.Answer, error) {
			b, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			return c.Dispatch(RepairVersion{Repository: v.RepositoryID, RepositoryPRN: ident.PRN(label, v.RepositoryID), Number: v.Number, Verify: b.Verify}, nil)
		},
	}
}

var _ task.Args = RepairVersion{}
