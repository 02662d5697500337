package model

import "time"

// Pull is what a distribution that has a remote knows of a path below it.
type Pull struct {
	DistributionID string `gorm:"primaryKey"`
	Path           string `gorm:"primaryKey"`
	// RemoteID and URL are those that were asked; for others the row means nothing.
	RemoteID string
	URL      string `gorm:"column:url"`
	// ContentID is the unit that the upstream's file became, ContentPath the path of its file; nil when the upstream has no
	// such file.
	ContentID, ContentPath *string
	// ETag and LastModified are the validators that the upstream gave, to ask whether the file is still the same.
	ETag         *string `gorm:"column:etag"`
	LastModified *string
	// PulledAt is when the unit came, CheckedAt when the upstream was last asked.
	PulledAt  *time.Time
	CheckedAt time.Time
	// Waiting: the unit is still to be added to the repository. Refused: the repository cannot have it.
	Waiting, Refused bool
}

// TableName names the table.
func (Pull) TableName() string { return "core_pulls" }
