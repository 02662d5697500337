package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
)

// away is about an issuer that does not answer as it should. The cause is for the log, not for clients.
func away(format string, args ...any) error {
	return &errs.Error{Kind: errs.Unavailable, Msg: "The issuer does not answer as it should; try again later.", Err: fmt.Errorf(format, args...)}
}

func refuse(format string, args ...any) error {
	return errs.New(errs.Unauthenticated, "The token does not count: "+format, args...)
}

// noting keeps why keys could not be had: that says nothing about the token.
type noting struct {
	oidc.KeySet
	away error
}

// VerifySignature is that of the keys. The library tells the two kinds of failure apart by the text alone.
func (n *noting) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := n.KeySet.VerifySignature(ctx, jwt)
	if err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		n.away = err
	}
	return payload, err
}

// rawClaims takes the payload as it is.
type rawClaims []byte

// UnmarshalJSON keeps the text.
func (r *rawClaims) UnmarshalJSON(text []byte) error {
	*r = append((*r)[:0], text...)
	return nil
}

// notBefore is the claim nbf (RFC 7519, section 4.1.5), the zero time when there is none; one that cannot be read lies
// in the far future.
func notBefore(claims federation.Claims) time.Time {
	value, ok := claims["nbf"]
	if !ok {
		return time.Time{}
	}
	number, _ := value.(json.Number)
	seconds, err := number.Float64()
	if err != nil || seconds > 1<<40 {
		return time.Unix(1<<40, 0)
	}
	return time.Unix(int64(seconds), 0)
}

var (
	_ oidc.KeySet      = (*noting)(nil)
	_ json.Unmarshaler = (*rawClaims)(nil)
)
