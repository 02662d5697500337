package guard

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
)

// HeaderGuard lets requests through that carry a value in a header, in Base64. With a filter the value is picked from
// the JSON that the header holds.
type HeaderGuard struct {
	model.ContentGuard
	HeaderName, HeaderValue string
	Filter                  *string
}

var byHeader = noun.GuardKind[HeaderGuard]{
	Kind: noun.Kind{Path: "contentguards/core/header", Type: "core.header", Component: "HeaderContentGuard", Table: "core_header_guards", Doc: "Lets requests through that carry a value in a header."},
	Row:  func(g *HeaderGuard) *model.ContentGuard { return &g.ContentGuard },
	Fields: []resource.Field[HeaderGuard]{
		resource.Text("header_name", func(g *HeaderGuard) *string { return &g.HeaderName }).Required().Check(checkHeaderName).Doc("The header that is looked at."),
		resource.Text("header_value", func(g *HeaderGuard) *string { return &g.HeaderValue }).Required().Doc("The value that the decoded header, or what the filter picks from it, must have."),
		resource.NullText("jq_filter", func(g *HeaderGuard) **string { return &g.Filter }).Check(checkFilter).
			Doc("A jq filter that picks the value from the header's JSON; null compares the decoded header as it is."),
	},
	Shareable: true,
	Permit:    permitByHeader,
}

// checkHeaderName wants a field name (RFC 9110 §5.1).
func checkHeaderName(g *HeaderGuard) error {
	if strings.ContainsFunc(g.HeaderName, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) {
		return errs.New(errs.Invalid, "A header name has letters, digits and -.")
	}
	return nil
}

func checkFilter(g *HeaderGuard) error {
	if g.Filter == nil {
		return nil
	}
	_, err := compile(*g.Filter)
	return err
}

func permitByHeader(ctx context.Context, v *serve.Visit, g *HeaderGuard) error {
	value, err := headerText(v.Header(g.HeaderName))
	if err != nil {
		return err
	}
	if g.Filter != nil {
		if value, err = pick(ctx, *g.Filter, value); err != nil {
			return err
		}
	}
	if !equal(value, g.HeaderValue) {
		return refused("the header %s does not have the value that lets requests through", g.HeaderName)
	}
	return nil
}

// headerText decodes the one line of a header. Two lines say two things, of which a proxy may have looked at the other.
func headerText(lines []string) (string, error) {
	if len(lines) != 1 {
		return "", refused("a header that lets requests through is missing, or is there more than once")
	}
	raw, err := base64.StdEncoding.DecodeString(lines[0])
	if err != nil || !utf8.Valid(raw) {
		return "", refused("the header that lets requests through is not Base64 of UTF-8 text")
	}
	return string(raw), nil
}

// equal compares in a time that tells nothing, not the length either.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
