package guard

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/serve"
)

// said is a request with headers and nothing else.
type said map[string][]string

func (s said) Header(name string) []string { return s[name] }
func (said) Cookie(string) string          { return "" }
func (said) Method() string                { return "GET" }
func (said) Peer() netip.Addr              { return netip.Addr{} }

func visit(lines ...string) *serve.Visit {
	return &serve.Visit{Request: &serve.Request{Credentials: said{"X-Who": lines}}}
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestHeaderGuard(t *testing.T) {
	t.Parallel()
	filter := func(s string) *string { return &s }
	for _, c := range []struct {
		name   string
		filter *string
		lines  []string
		passes bool
	}{
		{"the value", nil, []string{encoded("42")}, true},
		{"another value", nil, []string{encoded("43")}, false},
		{"a longer value", nil, []string{encoded("42 ")}, false},
		{"not encoded", nil, []string{"42"}, false},
		{"broken Base64", nil, []string{"NDI"}, false},
		{"no header", nil, nil, false},
		{"an empty header", nil, []string{""}, false},
		{"two headers", nil, []string{encoded("42"), encoded("42")}, false},
		{"picked", filter(".a.b"), []string{encoded(`{"a":{"b":"42"}}`)}, true},
		{"the first of several", filter(".[]"), []string{encoded(`["42","0"]`)}, true},
		{"the second of several", filter(".[]"), []string{encoded(`["0","42"]`)}, false},
		{"selected", filter(`.[] | select(.on) | .id`), []string{encoded(`[{"on":false,"id":"1"},{"on":true,"id":"42"}]`)}, true},
		{"a number is no text", filter(".a"), []string{encoded(`{"a":42}`)}, false},
		{"null", filter(".a"), []string{encoded(`{}`)}, false},
		{"an error", filter(".a.b"), []string{encoded(`{"a":[]}`)}, false},
		{"nothing", filter("empty"), []string{encoded(`{}`)}, false},
		{"no JSON", filter("."), []string{encoded("42")}, false},
		{"not JSON at all", filter("."), []string{encoded("{")}, false},
		{"two values", filter("."), []string{encoded(`"42" "42"`)}, false},
		{"a filter that is none", filter("("), []string{encoded(`"42"`)}, false},
		{"a filter that does too much", filter(`"4" + "2"`), []string{encoded(`{}`)}, false},
	} {
		err := permitByHeader(t.Context(), visit(c.lines...), &HeaderGuard{HeaderName: "X-Who", HeaderValue: "42", Filter: c.filter})
		if c.passes != (err == nil) || err != nil && !errs.Is(err, errs.Forbidden) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestFiltersPickAndCompare(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		".", ".a", ".a.b[0]", ".[]", `.["a b"]`, ".a // .b", `.[] | select(.a == "x" and .b != null) | .c`, "first(.[] | .a)", ".a?", `.a | split("/") | .[0]`,
		`if .a then .b else .c end`, "[..] | length | tostring", `.a | test("^x") | tostring`,
	} {
		if _, err := compile(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		"", "(", "nosuch", `"x" * 1000000`, ". + .", ".a = 1", ".a |= 1", "[., .]", "{a: ., b: .}", "range(1e9)", "repeat(.)", "def f: f; f", "reduce .[] as $x (0; 1)",
		"foreach .[] as $x (0; 1)", "label $out | break $out", `"\(.)\(.)"`, "env", "$ENV", "input", "@json", ". as $x | map($x)", "recurse", "[limit(1e9; repeat(.))]", "until(false; .)",
		`import "a" as a; .`, "$__prog_args", "path(..)", strings.Repeat(".a|", 400) + ".a",
	} {
		if _, err := compile(text); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzFilter: whatever filter and header say, there is an answer in time.
func FuzzFilter(f *testing.F) {
	f.Add(".a.b", `{"a":{"b":"42"}}`)
	f.Add(".[] | select(.a)", `[{"a":1}]`)
	f.Add(`split("")`, `"aaaa"`)
	f.Add(".[1:]", `[1,2]`)
	f.Fuzz(func(t *testing.T, filter, text string) {
		if _, err := pick(t.Context(), filter, text); err != nil && !errs.Is(err, errs.Forbidden) {
			t.Fatal(err)
		}
	})
}

// FuzzHeader: what is read was written in the one way to write it.
func FuzzHeader(f *testing.F) {
	f.Add("NDI=")
	f.Add("====")
	f.Fuzz(func(t *testing.T, line string) {
		text, err := headerText([]string{line})
		if err == nil && strings.NewReplacer("\r", "", "\n", "").Replace(line) != encoded(text) {
			t.Fatalf("%q was read as %q", line, text)
		}
	})
}
