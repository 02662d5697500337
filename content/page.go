package content

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"
)

// The pages for people are whole by themselves: no script, no picture, nothing from elsewhere.
//
//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle string

var pages = template.Must(template.New("pages").Funcs(template.FuncMap{"style": styleElement}).Parse(pageSource))

// pagePolicy is the Content-Security-Policy of the pages: their own style, which is known by its hash, and nothing else.
var pagePolicy = "default-src 'none'; style-src 'sha256-" + hashOf(pageStyle) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func styleElement() template.HTML { return template.HTML("<style>" + pageStyle + "</style>") }

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// page answers with one of the pages.
func (x *exchange) page(status int, name string, data any) error {
	text, err := written(name, data)
	if err != nil {
		return err
	}
	if err := x.sayLong(status, fiber.MIMETextHTMLCharsetUTF8, text); err != nil {
		return err
	}
	x.set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	return nil
}

func written(name string, data any) ([]byte, error) {
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, name, data); err != nil {
		return nil, fmt.Errorf("write the page %q: %w", name, err)
	}
	return text.Bytes(), nil
}

// shown is a name as people may read it: what cannot be seen, or turns around what stands beside it, is written as its
// code point, so that no name looks like another.
func shown(name string) string {
	if !strings.ContainsFunc(name, unseen) {
		return name
	}
	var text strings.Builder
	for _, r := range name {
		if unseen(r) {
			fmt.Fprintf(&text, "⟨%U⟩", r)
		} else {
			text.WriteRune(r)
		}
	}
	return text.String()
}

// unseen holds for control and format characters, separators that are no space, and blank fillers. The joiners that
// some scripts are spelled with are no fault.
func unseen(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r == nonJoiner || r == joiner {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Zs, r) && r != ' ' || strings.ContainsRune("\u115f\u1160\u3164\uffa0", r)
}
