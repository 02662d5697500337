package exchange

import (
	"slices"
	"strings"
)

// The names of RFC 8693, sections 2.1 and 3.
const (
	grantType       = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeJWT         = "urn:ietf:params:oauth:token-type:jwt"
	typeIDToken     = "urn:ietf:params:oauth:token-type:id_token"
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
)

// request is what somebody asks for (RFC 8693, section 2.1).
type request struct {
	token string
	// scope are the permissions that are asked for; none asks for all that the rule gives.
	scope []string
}

// parseRequest reads the parameters of a form or a JSON object. Parameters that are not known are left alone, as the
// standard has it; one that appears twice or is no text is an error (RFC 6749, section 3.2).
func parseRequest(values map[string]any) (request, *Fault) {
	known := map[string]string{}
	for _, name := range []string{"grant_type", "subject_token", "subject_token_type", "requested_token_type", "actor_token", "scope", "resource", "audience"} {
		text, ok := values[name].(string)
		if !ok && values[name] != nil {
			return request{}, fault("invalid_request", name+" must be one text")
		}
		known[name] = text
	}
	switch {
	case known["grant_type"] == "":
		return request{}, fault("invalid_request", "grant_type is missing; send "+grantType)
	case known["grant_type"] != grantType:
		return request{}, fault("unsupported_grant_type", "the only grant type here is "+grantType)
	case known["subject_token"] == "":
		return request{}, fault("invalid_request", "subject_token is missing; send the token that the CI system gave the job")
	case !slices.Contains([]string{typeJWT, typeIDToken}, known["subject_token_type"]):
		return request{}, fault("invalid_request", "subject_token_type must be "+typeJWT+" or "+typeIDToken)
	case !slices.Contains([]string{"", typeAccessToken}, known["requested_token_type"]):
		return request{}, fault("invalid_request", "requested_token_type must be "+typeAccessToken+" or left out")
	case known["actor_token"] != "":
		return request{}, fault("invalid_request", "actor_token is not known here; leave it out")
	case known["resource"] != "" || known["audience"] != "":
		return request{}, fault("invalid_target", "tokens are good for this server only; leave resource and audience out")
	}
	return request{token: known["subject_token"], scope: strings.Fields(known["scope"])}, nil
}

// Fault is an error in the form of OAuth (RFC 6749, section 5.2).
type Fault struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Error gives code and description.
func (f *Fault) Error() string { return f.Code + ": " + f.Description }

func fault(code, description string) *Fault { return &Fault{code, description} }

var _ error = (*Fault)(nil)
