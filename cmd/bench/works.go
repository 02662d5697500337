package main

import "context"

// The modes that a work is measured in.
const (
	embedded = "embedded"
	postgres = "postgres"
	withS3   = "s3"
)

func modes() []string { return []string{embedded, postgres, withS3} }

// work is one thing that is measured.
type work struct {
	name  string
	modes []string
	run   func(ctx context.Context, b *bench, mode string) error
}

// works are all of them, in the order of the table.
func works() []work {
	both := []string{embedded, postgres}
	return []work{
		{"start", both, measureStart},
		{"read", both, measureRead},
		{"artifacts", modes(), measureArtifacts},
		{"contents", both, measureContents},
		{"tasks", both, measureTasks},
		{"find", both, measureFind},
		{"access", both, measureAccess},
		{"versions", both, measureVersions},
		{"sync", both, measureSync},
		{"serve", both, measureServe},
		{"front", both, measureFront},
		{"lookup", both, measureLookUp},
		{"redirect", []string{withS3}, measureRedirect},
		{"together", both, measureTogether},
		{"upload", modes(), measureUpload},
	}
}

func names() []string {
	var out []string
	for _, w := range works() {
		out = append(out, w.name)
	}
	return out
}
