package oidc

import (
	"encoding/base64"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
)

// ClaimedIssuer tells who a token says made it, to choose whom to ask. Nothing is verified yet: do not believe it. A text
// that is no JWT is Invalid.
func ClaimedIssuer(text string) (string, error) {
	parts := strings.Split(text, ".")
	if len(text) > maxToken || len(parts) != 3 {
		return "", errs.New(errs.Invalid, "this is no JWT in the compact form")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", errs.New(errs.Invalid, "the payload of the JWT is not in base64url: %w", err)
	}
	claims, err := federation.ParseClaims(payload)
	if err != nil {
		return "", err
	}
	return claims.Text("iss"), nil
}
