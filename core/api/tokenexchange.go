package api

import (
	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/federation/exchange"
	"github.com/packhouse/packhouse/core/resource"
)

// tokenExchange is the operation by which CI jobs get short-lived tokens (RFC 8693). The token in the body proves who
// asks, so the route is open to all.
func (s *Server) tokenExchange() resource.Operation {
	text := resource.String()
	return resource.Operation{
		ID: "token_exchange", Method: "POST", Route: "token-exchange/", Tag: "Token Exchange", Rule: auth.Anyone, Site: true,
		Doc: "Exchange a token of a trusted issuer for a short-lived token (RFC 8693), by JSON or form.",
		Components: map[string]resource.Schema{
			"TokenExchange": {"type": "object", "required": []string{"grant_type", "subject_token", "subject_token_type"}, "properties": map[string]resource.Schema{
				"grant_type": text, "subject_token": text, "subject_token_type": text, "requested_token_type": text, "scope": text}},
			"TokenExchangeResponse": {"type": "object", "properties": map[string]resource.Schema{
				"access_token": text, "issued_token_type": text, "token_type": text, "expires_in": {"type": "integer"}, "scope": text}},
		},
		Request: &resource.RequestDoc{Schema: "TokenExchange"},
		Answers: map[int]resource.AnswerDoc{200: {Doc: "A new token.", Schema: "TokenExchangeResponse"}},
		Handle:  s.exchangeToken,
	}
}

func (s *Server) exchangeToken(c *resource.Call) (*resource.Answer, error) {
	answer, err := s.Exchange.Exchange(c.Context(), c.Body.Values)
	if wrong := exchange.AsFault(err); wrong != nil {
		entry := audit.From(c.Context())
		entry.Refused("", "token exchange")
		entry.Because(wrong.Error())
		return unstored(400, wrong)
	}
	if err != nil {
		return nil, err
	}
	return unstored(200, answer)
}

// unstored is a JSON answer that no cache keeps (RFC 6749, section 5.1).
func unstored(status int, v any) (*resource.Answer, error) {
	answer, err := asJSON(v)
	if err != nil {
		return nil, err
	}
	answer.Status, answer.Headers = status, map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache"}
	return answer, nil
}
