package federation

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// Claims are what a token says, by name. Numbers are json.Number, so that none loses a digit.
type Claims map[string]any

// ParseClaims reads the payload of a token; anything but a JSON object is Invalid.
func ParseClaims(payload []byte) (Claims, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var c Claims
	if err := d.Decode(&c); err != nil || c == nil || d.More() {
		return nil, errs.New(errs.Invalid, "The claims of the token are no JSON object; get another token.")
	}
	return c, nil
}

// Text gives a claim that is one text, "" for everything else.
func (c Claims) Text(name string) string {
	text, _ := c.find(name).(string)
	return text
}

// Texts gives the values of a claim as text: of a list each, of a text, number or truth value the one. A map or null
// has none.
func (c Claims) Texts(name string) []string {
	list, ok := c.find(name).([]any)
	if !ok {
		list = []any{c.find(name)}
	}
	var texts []string
	for _, value := range list {
		switch v := value.(type) {
		case string:
			texts = append(texts, v)
		case json.Number:
			texts = append(texts, v.String())
		case bool:
			texts = append(texts, map[bool]string{true: "true", false: "false"}[v])
		}
	}
	return texts
}

// find looks for a claim of exactly this name, and then along the dots: "realm_access.roles" is what some providers mean
// by roles in realm_access.
func (c Claims) find(name string) any {
	if value, ok := c[name]; ok {
		return value
	}
	first, rest, dotted := strings.Cut(name, ".")
	if below, ok := c[first].(map[string]any); ok && dotted {
		return Claims(below).find(rest)
	}
	return nil
}

// Conditions are what claims must be, all of them. The zero value is met by everything.
type Conditions []condition

type condition struct {
	claim   string
	pattern *regexp.Regexp
}

// ParseConditions reads conditions: a value or a pattern by claim. In a pattern "*" stands for any run of characters
// but "/" and ":", and "**" for any run at all; everything else stands for itself, in its case. A claim that is a list
// meets a condition with any of its values, a claim that is missing meets none.
func ParseConditions(patterns map[string]string) (Conditions, error) {
	var all Conditions
	for _, claim := range slices.Sorted(maps.Keys(patterns)) {
		if claim == "" || patterns[claim] == "" {
			return nil, errs.New(errs.Invalid, "a condition needs a claim and a value, got %q: %q; leave out what does not matter", claim, patterns[claim])
		}
		pattern, err := compile(patterns[claim])
		if err != nil {
			return nil, errs.New(errs.Invalid, "the condition on the claim %q cannot be read, write it shorter and in UTF-8: %w", claim, err)
		}
		all = append(all, condition{claim, pattern})
	}
	return all, nil
}

// compile keeps "*" within a segment, since the segments of a subject such as repo:org/name:ref:refs/heads/main are
// written by different people.
func compile(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i, wide := range strings.Split(pattern, "**") {
		if i > 0 {
			b.WriteString(`.*`)
		}
		for j, exact := range strings.Split(wide, "*") {
			if j > 0 {
				b.WriteString(`[^/:]*`)
			}
			b.WriteString(regexp.QuoteMeta(exact))
		}
	}
	b.WriteString(`\z`)
	return regexp.Compile(b.String())
}

// Met tells whether the claims meet all conditions.
func (c Conditions) Met(claims Claims) bool {
	for _, one := range c {
		if !slices.ContainsFunc(claims.Texts(one.claim), one.pattern.MatchString) {
			return false
		}
	}
	return true
}
