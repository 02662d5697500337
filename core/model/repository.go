package model

import (
	"encoding/json"
	"time"
)

// Repository is the master row of a repository.
type Repository struct {
	Base
	PulpType           string
	Name               string
	Description        *string
	RetainRepoVersions *int64
	RetainCheckpoints  *int64
	RemoteID           *string
	// RemoteType is the type of the remote, where a query joined it.
	RemoteType *string `gorm:"-"`
	// NextVersion is the number of the next version: numbers of completed versions never come back.
	NextVersion int64
	// LatestVersion is the number of the newest version.
	LatestVersion int64
	// UserHidden keeps repositories that a plugin uses inside out of lists.
	UserHidden bool
	PulpLabels Labels
}

// TableName names the table.
func (Repository) TableName() string { return "core_repositories" }

// RepositoryVersion is an immutable set of content.
type RepositoryVersion struct {
	Base
	RepositoryID  string
	Number        int64
	BaseVersionID *string
	Counts        JSON
	// SetHash is the sum, modulo 2^256, of the SHA-256 of the identities of its content, in hex.
	SetHash string
	// CurrentFrom is when this version became the latest.
	CurrentFrom time.Time
}

// TableName names the table.
func (RepositoryVersion) TableName() string { return "core_repository_versions" }

// Counts are the units of a version by content type.
type Counts struct {
	Added   map[string]int64 `json:"added"`
	Removed map[string]int64 `json:"removed"`
	Present map[string]int64 `json:"present"`
}

// ReadCounts gives the counts of a version.
func (v *RepositoryVersion) ReadCounts() (Counts, error) {
	c := Counts{Added: map[string]int64{}, Removed: map[string]int64{}, Present: map[string]int64{}}
	if len(v.Counts) == 0 {
		return c, nil
	}
	err := json.Unmarshal(v.Counts, &c)
	return c, err
}

// Membership says that content is in the versions from VersionAdded up to, but not including, VersionRemoved.
type Membership struct {
	RepositoryID   string `gorm:"primaryKey"`
	ContentID      string `gorm:"primaryKey"`
	VersionAdded   int64  `gorm:"primaryKey"`
	VersionRemoved *int64
	PulpType       string
	// RepoKey must be unique inside one version among units of the same type; empty when the type has no such key.
	RepoKey string
	AddedAt time.Time
}

// TableName names the table.
func (Membership) TableName() string { return "core_repository_contents" }
