package content

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/core/serve"
)

// nameColumn is the width of names in a listing, in characters.
const nameColumn = 100

// plainListing is the form that programs have read for years; nothing of it may change.
var plainListing = template.Must(template.New("listing").Parse(`<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>Index of {{.Path}}</title></head>
<body>
<h1>Index of {{.Path}}</h1>
<hr><pre>{{if .Up}}<a href="../">../</a>
{{end}}{{range .Lines}}<a href="./{{.Target}}">{{.Name}}</a>{{.Rest}}
{{end}}</pre><hr>
</body>
</html>
`))

// line is one entry in that form.
type line struct {
	Target, Name, Rest string
}

// item is one entry in JSON.
type item struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	Size     *int64     `json:"size"`
	Modified *time.Time `json:"modified"`
	SHA256   *string    `json:"sha256"`
}

// list answers with a folder, in the form that the client wants.
func (x *exchange) list(path string, result serve.Result) error {
	defer x.notLarge() // the text is made then
	x.set(fiber.HeaderVary, fiber.HeaderAccept)
	x.how = byListing
	full := x.prefix + path
	switch x.wantedForm() {
	case asJSON:
		text, err := json.Marshal(map[string]any{"path": full, "entries": items(result.Listing)})
		if err != nil {
			return fmt.Errorf("write a listing: %w", err)
		}
		return x.sayLong(fiber.StatusOK, fiber.MIMEApplicationJSON, text)
	case asPage:
		return x.browse(path, result)
	}
	text, err := plain(full, path != "", result.Listing)
	if err != nil {
		return err
	}
	if err := x.sayLong(fiber.StatusOK, fiber.MIMETextHTML, text); err != nil {
		return err
	}
	x.set(fiber.HeaderContentSecurityPolicy, "default-src 'none'")
	return nil
}

func plain(path string, up bool, listing *serve.Listing) ([]byte, error) {
	lines := make([]line, len(listing.Entries))
	for i, e := range listing.Entries {
		lines[i] = lineOf(e)
	}
	var text bytes.Buffer
	if err := plainListing.Execute(&text, map[string]any{"Path": path, "Up": up, "Lines": lines}); err != nil {
		return nil, fmt.Errorf("write a listing: %w", err)
	}
	return text.Bytes(), nil
}

func lineOf(e serve.Entry) line {
	l := line{Target: targetOf(e), Name: e.Name}
	if e.Dir {
		l.Name += "/"
		return l
	}
	l.Rest = strings.Repeat(" ", max(1, nameColumn-utf8.RuneCountInString(e.Name)))
	if !e.Modified.IsZero() {
		l.Rest += e.Modified.UTC().Format("02-Jan-2006 15:04")
	}
	if e.Size != nil {
		l.Rest += "  " + humanSize(*e.Size)
	}
	return l
}

// targetOf is what leads from a folder to an entry, behind "./".
func targetOf(e serve.Entry) string {
	if e.Dir {
		return url.PathEscape(e.Name) + "/"
	}
	return url.PathEscape(e.Name)
}

// humanSize writes a size in steps of 1000, as "1 Byte", "10 Bytes" or "1.0 kB".
func humanSize(size int64) string {
	switch {
	case size == 1:
		return "1 Byte"
	case size < 1000:
		return fmt.Sprintf("%d Bytes", size)
	}
	value, unit := float64(size), 0
	for value >= 1000 && unit < len("kMGTPE") {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTPE"[unit-1])
}

func items(listing *serve.Listing) []item {
	all := make([]item, len(listing.Entries))
	for i, e := range listing.Entries {
		all[i] = item{Name: e.Name, Type: "file", Size: e.Size}
		if e.Dir {
			all[i].Type = "directory"
		}
		if !e.Modified.IsZero() {
			at := e.Modified.UTC()
			all[i].Modified = &at
		}
		if e.SHA256 != "" {
			all[i].SHA256 = &e.SHA256
		}
	}
	return all
}
