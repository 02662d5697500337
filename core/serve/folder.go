package serve

import (
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
}

// pager gives up to limit rows in the order of their paths, the first at from or behind it.
type pager func(from string, limit int) ([]row, error)

// page finishes a query of rows whose path is the given column.
func page(q *gorm.DB, column, from, end string, limit int) ([]row, error) {
	q = q.Where(column+" >= ?", from)
	if end != "" {
		q = q.Where(column+" < ?", end)
	}
	var rows []row
	err := q.Order(column).Limit(limit).Scan(&rows).Error
	return rows, err
}

// entries reads one folder. It jumps over what lies deeper, so the cost follows the names in the folder and not all
// the files below it.
func entries(folder string, next pager) ([]Entry, error) {
	var all []Entry
	from, limit := folder, smallPage
	for {
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
	return e, r.Path + "\x01" // nothing that is stored sorts between the two: paths have no control characters
}

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
