// Package resource is the engine behind the REST API: one declaration of a resource gives its routes, validation,
// filters, ordering, paging, field selection, hrefs and PRNs, answers, actions, permissions and OpenAPI document.
//
// A declaration is a value of type Of[M], where M is the row as a plain struct:
//
//	var Repositories = resource.Of[Repository]{
//		Path:   "repositories/file/file",
//		Model:  "file.filerepository",
//		Fields: []resource.Field[Repository]{
//			resource.Text("name", func(r *Repository) *string { return &r.Name }).Required().Filters(resource.Lookups),
//			resource.Bool("autopublish", func(r *Repository) *bool { return &r.Autopublish }),
//		},
//	}
//
// A field is a pointer into the row with a name. From the pointer the engine scans, shows, reads, compares and stores
// the field; there is no reflection over rows and nothing to keep in step. What a person writes is generic over M;
// what the machine loops over is an Operation, which is not.
//
// The life of a request: route → authenticate → load the object → decide (the one call of auth.Decider) → handle →
// one Answer, or one error that core/api turns into an answer.
package resource
