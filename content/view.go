package content

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/serve"
)

// entriesInBlock is how many of them stand together; page.css knows about how high that is.
const entriesInBlock = 100

// view is what the page for people shows of a folder.
type view struct {
	Title, Summary string
	Crumbs         []crumb
	Up, Files      bool
	Rows           [][]entryRow // in blocks, which browsers lay out when they come into sight
	Snippets       []serve.Snippet
	Guarded        bool
	Pages          []pageLink
	Here           string // the address of the folder, for programs; empty where that is not known
}

// crumb is a folder on the way; the last one, which is shown, has no link.
type crumb struct{ Name, Link string }

// entryRow is one entry.
type entryRow struct{ Target, Name, Size, Modified, SHA256 string }

// pageLink leads to a part of a long listing; the one that is shown has no link.
type pageLink struct {
	Number int
	Link   string
}

// add adds entries in blocks.
func (v *view) add(entries []serve.Entry) {
	for block := range slices.Chunk(entries, entriesInBlock) {
		rows := make([]entryRow, len(block))
		for i, e := range block {
			rows[i], v.Files = rowOf(e), v.Files || !e.Dir
		}
		v.Rows = append(v.Rows, rows)
	}
}

// crumbs are the folders from the root, or from that of the domain, to a path.
func (x *exchange) crumbs(path string) []crumb {
	all := []crumb{{shown(strings.Trim(x.prefix, "/")), x.prefix}}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		if segment != "" {
			all = append(all, crumb{shown(segment), all[len(all)-1].Link + url.PathEscape(segment) + "/"})
		}
	}
	all[len(all)-1].Link = ""
	return all
}

func rowOf(e serve.Entry) entryRow {
	row := entryRow{Target: targetOf(e), Name: shown(e.Name), SHA256: e.SHA256}
	if e.Dir {
		row.Name += "/"
	}
	if e.Size != nil {
		row.Size = humanSize(*e.Size)
	}
	if !e.Modified.IsZero() {
		row.Modified = e.Modified.UTC().Format("2006-01-02 15:04")
	}
	return row
}

// summary counts; a sum of sizes is told where all are known.
func summary(all []serve.Entry) string {
	folders, files, bytes, known := 0, 0, int64(0), true
	for _, e := range all {
		if e.Dir {
			folders++
			continue
		}
		files++
		if e.Size == nil {
			known = false
		} else {
			bytes += *e.Size
		}
	}
	var parts []string
	if folders > 0 {
		parts = append(parts, counted(folders, "folder"))
	}
	if files > 0 {
		parts = append(parts, counted(files, "file"))
	}
	if files > 1 && known {
		parts = append(parts, humanSize(bytes))
	}
	return strings.Join(parts, ", ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// grouped writes a number with commas between thousands.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return grouped(n/1000) + fmt.Sprintf(",%03d", n%1000)
}
