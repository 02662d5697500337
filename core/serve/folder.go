package serve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Bounds of a page of keys, in rows. Pages grow while they hold files and shrink when most of one was skipped.
const (
	smallPage = 16
	largePage = 1024
)

// row is one key below a folder.
type row struct {
	Path   string
	Added  time.Time
	Size   *int64
	SHA256 *string `gorm:"column:sha256"`
	// Gone is set where the unit has no file under the path.
	Gone bool
}

// pager gives up to limit rows in the order of their paths, the first at from or behind it.
type pager func(from string, limit int) ([]row, error)

// page bounds a query of rows whose path is the given column. The limit is part of the text: PostgreSQL plans for a tenth of
// a table where it is a parameter, and sorts the whole repository for a page of sixteen.
func page(q *gorm.DB, column, from, end string, limit int) *gorm.DB {
	q = q.Where(column+" >= ?", from)
	if end != "" {
		q = q.Where(column+" < ?", end)
	}
	return q.Order(fmt.Sprintf("%s LIMIT %d", column, limit))
}

// rowsOf reads a page.
func rowsOf(q *gorm.DB) (rows []row, err error) {
	err = q.Scan(&rows).Error
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Path, b.Path) })
	return rows, err
}

// entries reads one folder. It jumps over what lies deeper, so the cost follows the names in the folder and not all
// the files below it.
func entries(ctx context.Context, folder string, next pager) ([]Entry, error) {
	var all []Entry
	from, limit, large := folder, smallPage, false
	for {
		if len(all) > Large && !large {
			if err := mayBeLarge(ctx); err != nil {
				return nil, err
			}
			large = true
		}
		rows, err := next(from, limit)
		if err != nil {
			return nil, err
		}
		skipped := 0
		for _, r := range rows {
			if r.Path < from {
				skipped++ // inside of a directory that is listed already
				continue
			}
			if r.Gone {
				from = behind(r.Path)
				continue
			}
			var e Entry
			e, from = entry(folder, r)
			all = append(all, e)
		}
		if len(rows) < limit {
			return all, nil
		}
		limit = nextPage(limit, skipped)
	}
}

// anything tells whether there is a file in a folder, or below.
func anything(folder string, next pager) (bool, error) {
	for from, limit := folder, 1; ; limit = smallPage {
		rows, err := next(from, limit)
		if err != nil || len(rows) == 0 {
			return false, err
		}
		if slices.ContainsFunc(rows, func(r row) bool { return !r.Gone }) {
			return true, nil
		}
		from = behind(rows[len(rows)-1].Path)
	}
}

// entry makes the entry that a row belongs to and gives the first key behind it.
func entry(folder string, r row) (Entry, string) {
	name, _, deeper := strings.Cut(r.Path[len(folder):], "/")
	if deeper {
		return Entry{Name: name, Dir: true}, after(folder + name + "/")
	}
	e := Entry{Name: name, Size: r.Size, Modified: r.Added}
	if r.SHA256 != nil {
		e.SHA256 = *r.SHA256
	}
	return e, behind(r.Path)
}

// behind is the first key behind one: nothing that is stored sorts between the two, as paths have no control characters.
func behind(path string) string { return path + "\x01" }

func nextPage(limit, skipped int) int {
	if skipped > limit/2 {
		return max(smallPage, limit/2)
	}
	return min(largePage, limit*2)
}

// unique orders entries and drops repeated ones; the first of them stays.
func unique(all []Entry) []Entry {
	slices.SortStableFunc(all, func(a, b Entry) int { return strings.Compare(a.key(), b.key()) })
	return slices.CompactFunc(all, func(a, b Entry) bool { return a.key() == b.key() })
}
