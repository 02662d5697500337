package file

import (
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
)

// Content is a file at a relative path; path and digest name it.
type Content struct {
	noun.Content
	RelativePath string
	Digest       string
}

// Repository is a repository of files.
type Repository struct {
	model.Repository
	Autopublish bool
	// Manifest is the name under which autopublish lists the files; nil for no list.
	Manifest        *string
	LastSyncDetails model.JSON
}

// Publication is a published version with its manifest.
type Publication struct {
	noun.Publication
	Manifest *string
}

// Distribution serves publications.
type Distribution struct{ noun.Distribution }
