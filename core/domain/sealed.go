package domain

import "github.com/packhouse/packhouse/core/secret"

// Sealed is where the secrets of storages are kept, for the rotation of keys.
func Sealed() secret.Column {
	return secret.Column{Table: "core_domains", Column: "storage_settings", Key: "id", Purpose: Purpose}
}
