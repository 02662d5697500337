package api

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/resource"
)

// begin starts the entry of a request in the audit log: what it wants and from where. Routes that are open to all are
// no reads that anybody could be refused.
func (s *Server) begin(ctx context.Context, c *fiber.Ctx, op *resource.Operation, cid string) (context.Context, *audit.Draft) {
	changes := c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead
	draft := s.Env.Audit.Begin(audit.Entry{
		Method: c.Method(), Route: op.Route, Action: op.ID, CID: cid,
		Client: s.Identity.Proxies.Client(credentials{c}).String(),
	}, changes, func(task bool) int { return expected(op, task) })
	if op.Rule == openToAll {
		draft.Open()
	}
	return draft.Carry(ctx), draft
}

// expected is the status that an operation answers when all goes well.
func expected(op *resource.Operation, task bool) int {
	if task {
		return fiber.StatusAccepted
	}
	least := 0
	for status := range op.Answers {
		if status < 300 && status != fiber.StatusAccepted && (least == 0 || status < least) {
			least = status
		}
	}
	if least == 0 {
		return fiber.StatusOK
	}
	return least
}

// knows notes who asks. From here on, what is committed takes the entry along.
func knows(ctx context.Context, user *auth.User, op *resource.Operation, domain string) context.Context {
	draft := audit.From(ctx)
	if user != nil {
		draft.By(user.ID, user.Username, user.Via)
	}
	if !op.Site && domain != "" {
		draft.Domain(ident.PRN("core.domain", domain))
	}
	return draft.Along(ctx)
}

// refused notes that somebody could not prove who it is.
func refused(ctx context.Context, asks auth.Credentials, err error) {
	switch errs.KindOf(err) {
	case errs.Unauthenticated, errs.TooMany, errs.Forbidden:
		audit.From(ctx).Refused(claimed(asks))
	}
}

// claimed is the user name that a request gives without proof, and the way it goes. What has the form of a token is left
// out wherever it stands.
func claimed(asks auth.Credentials) (name, via string) {
	headers := asks.Header(fiber.HeaderAuthorization)
	if len(headers) == 0 {
		return "", "session"
	}
	scheme, rest, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "token"
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	name, password, found := strings.Cut(string(raw), ":")
	if auth.IsToken(password) {
		via = "token"
	} else {
		via = "password"
	}
	if err != nil || !found || auth.IsToken(name) {
		return "", via
	}
	return name, via
}
