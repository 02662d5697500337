package model

import "time"

// Artifact is a stored file: bytes that are there once per domain, whoever refers to them. Immutable.
type Artifact struct {
	Base
	// File is the storage key.
	File   string
	Size   int64
	MD5    *string `gorm:"column:md5"`
	SHA1   *string `gorm:"column:sha1"`
	SHA224 *string `gorm:"column:sha224"`
	SHA256 string  `gorm:"column:sha256"`
	SHA384 *string `gorm:"column:sha384"`
	SHA512 *string `gorm:"column:sha512"`
	// TimestampOfInterest is the last time that somebody asked for these bytes; clean-up waits from there.
	TimestampOfInterest time.Time
	// ReclaimAfter, when set, is when the bytes may go; until then they can be undeleted.
	ReclaimAfter *time.Time
}

// TableName names the table.
func (Artifact) TableName() string { return "core_artifacts" }

// Upload is a file that comes in chunks.
type Upload struct {
	Base
	Size int64
	// Assembled is the storage key of the file that chunks are written into in place, nil where each chunk is a blob.
	Assembled *string
}

// TableName names the table.
func (Upload) TableName() string { return "core_uploads" }

// UploadChunk is one received piece of an upload.
type UploadChunk struct {
	UploadID    string `gorm:"primaryKey"`
	ChunkOffset int64  `gorm:"primaryKey"`
	Size        int64
	SHA256      string `gorm:"column:sha256"`
	// File is the storage key of the chunk, nil when it lies in the upload's assembled file.
	File *string
}

// TableName names the table.
func (UploadChunk) TableName() string { return "core_upload_chunks" }
