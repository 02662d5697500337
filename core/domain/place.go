package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// The classes of storages, as the wire contract names them.
const (
	FileSystem = "pulpcore.app.models.storage.FileSystem"
	S3         = "storages.backends.s3.S3Storage"
	S3Boto3    = "storages.backends.s3boto3.S3Boto3Storage"
	Azure      = "storages.backends.azure_storage.AzureStorage"
)

// Classes are those that the contract knows. Azure is one of them and is refused with a message of its own.
func Classes() []string { return []string{FileSystem, S3, S3Boto3, Azure} }

// Place is the description of a storage.
type Place struct {
	Class string
	// Location is the folder, or what begins all keys in a bucket.
	Location string
	// Endpoint, Bucket, Region and PathStyle say where a bucket is.
	Endpoint, Bucket, Region string
	PathStyle                bool
	// AccessKey, SecretKey and SecurityToken open it. They are never shown.
	AccessKey, SecretKey, SecurityToken string
}

func (p Place) isBucket() bool { return p.Class == S3 || p.Class == S3Boto3 }

// root is the place of the bytes as one text, a slash at its end: one that begins with another lies inside of it.
func (p Place) root() string {
	if !p.isBucket() {
		return "folder " + strings.TrimSuffix(p.Location, "/") + "/"
	}
	text := "bucket " + strings.ToLower(strings.TrimSuffix(p.Endpoint, "/")) + "/" + p.Bucket + "/"
	if prefix := strings.Trim(p.Location, "/"); prefix != "" {
		text += prefix + "/"
	}
	return text
}

// ID is the digest of where the bytes are; with other keys to the same place it is the same.
func (p Place) ID() string {
	sum := sha256.Sum256([]byte(p.root()))
	return hex.EncodeToString(sum[:])
}

// Nested tells whether one of two places lies inside of the other, without being the same. What cleans up the outer one
// would take the bytes of the inner one for leftovers.
func (p Place) Nested(other Place) bool {
	a, b := p.root(), other.root()
	return a != b && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}
