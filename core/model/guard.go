package model

// ContentGuard is the master row of what decides who may download from a distribution.
type ContentGuard struct {
	Base
	PulpType    string
	Name        string
	Description *string
}

// TableName names the table.
func (ContentGuard) TableName() string { return "core_content_guards" }

// GuardMember is one of the guards of a composite one; Place orders them.
type GuardMember struct {
	CompositeID string `gorm:"primaryKey"`
	Place       int64  `gorm:"primaryKey"`
	GuardID     string
}

// TableName names the table.
func (GuardMember) TableName() string { return "core_composite_guard_members" }
