package audit

import "github.com/packhouse/packhouse/core/secret"

// Sealed is where the seals of the chain are kept, for the rotation of keys.
func Sealed() []secret.Column {
	return []secret.Column{
		{Table: "core_audit_entries", Column: "proof", Key: "id", Purpose: purposeEntry},
		{Table: "core_audit_head", Column: "seal", Key: "id", Purpose: purposeHead},
		{Table: "core_audit_head", Column: "anchor_seal", Key: "id", Purpose: purposeAnchor},
	}
}
