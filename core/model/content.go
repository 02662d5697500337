package model

import "time"

// Content is the master row of a unit of content; its plugin's detail row shares the identity. Immutable but for labels.
type Content struct {
	Base
	PulpType            string
	PulpLabels          Labels
	TimestampOfInterest time.Time
	// UpstreamPublishedAt is when the upstream made the unit public, where it says so.
	UpstreamPublishedAt *time.Time
	FirstSeenAt         time.Time
}

// TableName names the table.
func (Content) TableName() string { return "core_contents" }

// ContentArtifact says at which relative path a unit of content offers which artifact; nil: not downloaded yet.
type ContentArtifact struct {
	ContentID    string `gorm:"primaryKey"`
	RelativePath string `gorm:"primaryKey"`
	ArtifactID   *string
}

// TableName names the table.
func (ContentArtifact) TableName() string { return "core_content_artifacts" }
