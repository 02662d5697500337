package base

import (
	"strconv"
	"time"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// auditRow is an entry of the audit log.
type auditRow struct {
	base model.Base // its identity alone
	at   time.Time

	position, user                                                       *int64
	status                                                               int64
	username, via, client, method, route, action, object, domain, reason string
	task, cid, process, hash                                             string
	genuine                                                              bool
}

// AuditEntries are who did what. They are nobody's to change, and they belong to no domain: who may read them may read
// all of them.
func AuditEntries() resource.Of[auditRow] {
	access := resource.Permissions("core.auditentry")
	access["export"], access["verify"] = access[resource.Read], access[resource.Read]
	return resource.Of[auditRow]{
		Path: "audit", Model: "core.auditentry", Component: "AuditEntry", Doc: "What somebody did, or was refused.",
		Source: resource.Source{Table: "core_audit_entries", NoDomain: true},
		Base:   func(e *auditRow) *model.Base { return &e.base }, Fields: auditFields(),
		Offers: []resource.Verb{resource.List, resource.Read}, Access: access,
		Actions: []resource.Action[auditRow]{exportAudit(), verifyAudit()},
	}
}

func auditFields() []resource.Field[auditRow] {
	text := func(name string, pointer func(*auditRow) *string, filters ...func(name, column string) []resource.Filter) resource.Field[auditRow] {
		return resource.BlankText(name, pointer).ReadOnly().Filters(filters...)
	}
	return []resource.Field[auditRow]{
		resource.Computed("pulp_href", resource.URI(), func(s *resource.Show, e *auditRow) { s.Href("audit/" + e.base.ID + "/") }),
		resource.Computed("prn", resource.String(), func(s *resource.Show, e *auditRow) { s.PRN("core.auditentry", e.base.ID) }),
		resource.Hidden("d.id", func(e *auditRow) *string { return &e.base.ID }),
		resource.NullInt("position", 1, func(e *auditRow) **int64 { return &e.position }).ReadOnly().Filters(resource.Numbers).Doc("Place in the chain; null for a moment after the entry is written."),
		resource.Time("at", func(e *auditRow) *time.Time { return &e.at }).ReadOnly().Filters(resource.Moments),
		resource.NullInt("user_id", 0, func(e *auditRow) **int64 { return &e.user }).ReadOnly().Filters(resource.Numbers).Doc("Who did it; null where nobody proved to be anybody."),
		text("username", func(e *auditRow) *string { return &e.username }, resource.Lookups).Doc("Who did it, or the name that was claimed."),
		text("via", func(e *auditRow) *string { return &e.via }, resource.Lookups).Doc("How the user proved who it is."),
		text("client", func(e *auditRow) *string { return &e.client }, resource.Lookups).Doc("Address of the client."),
		text("method", func(e *auditRow) *string { return &e.method }, resource.Exactly, resource.In).Doc("HTTP method; COMMAND for the command line."),
		text("route", func(e *auditRow) *string { return &e.route }, resource.Lookups).Doc("The declared route."),
		text("action", func(e *auditRow) *string { return &e.action }, resource.Lookups).Doc("Operation id, or the command."),
		text("object", func(e *auditRow) *string { return &e.object }, resource.Lookups).Doc("PRN of the object."),
		text("domain", func(e *auditRow) *string { return &e.domain }, resource.Lookups).Doc("PRN of the domain."),
		resource.Int("status", 0, func(e *auditRow) *int64 { return &e.status }).ReadOnly().Filters(resource.Numbers).Doc("HTTP status of the answer; 0 for commands."),
		text("reason", func(e *auditRow) *string { return &e.reason }, resource.Lookups).Doc("Kind of the error; empty when it was done."),
		text("task", func(e *auditRow) *string { return &e.task }, resource.Exactly, resource.In).Doc("PRN of the task that was dispatched."),
		text("cid", func(e *auditRow) *string { return &e.cid }, resource.Exactly, resource.In).Doc("Correlation id."),
		text("process", func(e *auditRow) *string { return &e.process }).Doc("The process that wrote the entry."),
		resource.Bool("genuine", func(e *auditRow) *bool { return &e.genuine }).ReadOnly().Doc("The entry was written by this program."),
		text("hash", func(e *auditRow) *string { return &e.hash }, resource.Exactly).Doc("Hash in the chain."),
	}
}

// errNoAudit is the answer of what needs the log where it is turned off.
func errNoAudit() error {
	return errs.New(errs.Unavailable, "The audit log is turned off; set audit.enabled to true.")
}

// exportAudit gives sealed entries in the order of the chain, one JSON object a line.
func exportAudit() resource.Action[auditRow] {
	number := resource.Schema{"type": "integer"}
	return resource.Action[auditRow]{
		Verb: "export", Method: "GET", OnList: true,
		Doc:     "Export entries in the order of the chain, one JSON object a line; the next page begins after the last position.",
		Params:  []resource.Param{{Name: "after", In: "query", Schema: number}, {Name: "limit", In: "query", Schema: number}},
		Answers: map[int]resource.AnswerDoc{200: {Doc: "Lines of JSON (application/x-ndjson)."}},
		Handle: func(c *resource.Call, _ *auditRow) (*resource.Answer, error) {
			after, err := wholeNumber(c, "after", 0)
			if err != nil {
				return nil, err
			}
			limit, err := wholeNumber(c, "limit", 1000)
			if err != nil {
				return nil, err
			}
			if c.Env.Audit == nil {
				return nil, errNoAudit()
			}
			entries, err := c.Env.Audit.After(c.Context(), after, int(min(limit, audit.MaxPage)))
			if err != nil {
				return nil, err
			}
			return &resource.Answer{Status: 200, Type: "application/x-ndjson", Text: audit.Lines(entries)}, nil
		},
	}
}

func wholeNumber(c *resource.Call, name string, otherwise int64) (int64, error) {
	text := c.Query(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, errs.Field(name, "Enter a whole number of at least 0.")
	}
	return n, nil
}

// verifyAudit walks through the chain.
func verifyAudit() resource.Action[auditRow] {
	return resource.Action[auditRow]{
		Verb: "verify", Method: "GET", OnList: true,
		Doc:     "Look whether the chain is whole; head is one that was written down earlier.",
		Params:  []resource.Param{{Name: "head", In: "query", Schema: resource.String()}},
		Answers: map[int]resource.AnswerDoc{200: {Doc: "What was found.", Schema: "AuditReport"}},
		Components: map[string]resource.Schema{"AuditReport": {"type": "object", "properties": map[string]resource.Schema{
			"ok": {"type": "boolean"}, "entries": {"type": "integer"}, "anchor": {"type": "string"}, "head": {"type": "string"}, "unsealed": {"type": "integer"},
			"findings": {"type": "array", "items": resource.Schema{"type": "object", "properties": map[string]resource.Schema{"position": {"type": "integer"}, "what": {"type": "string"}}}},
		}}},
		Handle: func(c *resource.Call, _ *auditRow) (*resource.Answer, error) {
			if c.Env.Audit == nil {
				return nil, errNoAudit()
			}
			kept, err := keptHead(c.Query("head"))
			if err != nil {
				return nil, err
			}
			report, err := c.Env.Audit.Verify(c.Context(), kept)
			if err != nil {
				return nil, err
			}
			body, err := resource.Marshal(report)
			return &resource.Answer{Status: 200, JSON: body}, err
		},
	}
}

func keptHead(text string) (*audit.Point, error) {
	if text == "" {
		return nil, nil
	}
	point, err := audit.ParsePoint(text)
	if err != nil {
		return nil, errs.Field("head", "%s", err)
	}
	return &point, nil
}
