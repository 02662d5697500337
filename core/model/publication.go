package model

import "time"

// Publication is the master row of what a plugin made of a version for its clients.
type Publication struct {
	Base
	PulpType            string
	RepositoryID        string
	RepositoryVersionID string
	// VersionNumber is the number of the version, kept here so that the newest publication is one index step away.
	VersionNumber int64
	// Complete is false while a task is still writing it; only complete ones are ever seen.
	Complete bool
	// PassThrough serves every unit of the version at its own paths, beside the published artifacts.
	PassThrough bool
	Checkpoint  bool
	// TaskID is the task that makes it; a task that dies leaves no draft behind.
	TaskID *string
}

// TableName names the table.
func (Publication) TableName() string { return "core_publications" }

// PublishedArtifact is one path of a publication: metadata of its own (ArtifactID) or a content's artifact.
type PublishedArtifact struct {
	PublicationID string `gorm:"primaryKey"`
	RelativePath  string `gorm:"primaryKey"`
	ArtifactID    *string
	ContentID     *string
	ContentPath   *string
	AddedAt       time.Time
}

// TableName names the table.
func (PublishedArtifact) TableName() string { return "core_published_artifacts" }

// Distribution is the master row of a place under which content is served.
type Distribution struct {
	Base
	PulpType            string
	Name                string
	BasePath            string
	ContentGuardID      *string
	Hidden              bool
	RepositoryID        *string
	RepositoryVersionID *string
	PublicationID       *string
	RemoteID            *string
	Checkpoint          bool
	PulpLabels          Labels
}

// TableName names the table.
func (Distribution) TableName() string { return "core_distributions" }

// Domain is a tenant. There is one, "default", until domains are enabled.
//
// The storage of the default one is that of the settings; the row only tells its class. That of another one is described
// by the row, and StorageStamp is another text whenever the description is.
type Domain struct {
	ID           string `gorm:"primaryKey"`
	Name         string
	Description  *string
	PulpLabels   Labels
	StorageClass string
	// StorageOptions is what the description of the storage shows, StorageSettings its secrets, sealed.
	StorageOptions           JSON
	StorageSettings          []byte
	StorageStamp             string
	RedirectToObjectStorage  bool
	HideGuardedDistributions bool
	PulpCreated              time.Time
	PulpLastUpdated          time.Time
}

// TableName names the table.
func (Domain) TableName() string { return "core_domains" }
