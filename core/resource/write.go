package resource

import (
	"slices"
	"strings"
)

// selection is which members of a row are shown: fields= keeps, exclude_fields= drops, minimal= keeps the short form.
type selection struct {
	keep, drop []string
}

func (s selection) shows(name string) bool {
	return (len(s.keep) == 0 || slices.Contains(s.keep, name)) && !slices.Contains(s.drop, name)
}

func (c *Call) selection(minimal []string) selection {
	s := selection{keep: c.QueryList("fields"), drop: c.QueryList("exclude_fields")}
	if len(minimal) > 0 && strings.EqualFold(c.Query("minimal"), "true") {
		s.keep = minimal
	}
	return s
}

// writer writes rows of its own type.
type writer interface {
	writeRows(s *Show, rows any, sel selection)
	// weight is about how many bytes that takes.
	weight(rows any) int
}

func (p *prepared[M]) weight(rows any) int { return 256 + 48*len(p.shown)*len(rows.([]*M)) }

func (p *prepared[M]) writeRows(s *Show, rows any, sel selection) {
	for i, m := range rows.([]*M) {
		if i > 0 {
			s.Raw(",")
		}
		p.writeRow(s, m, sel)
	}
}

func (p *prepared[M]) writeRow(s *Show, m *M, sel selection) { writeObject(s, p.shown, m, sel) }

// writeObject writes the members of m that are shown.
func writeObject[M any](s *Show, fields []*Field[M], m *M, sel selection) {
	s.Raw("{")
	first := true
	for _, f := range fields {
		if !sel.shows(f.Name) {
			continue
		}
		if !first {
			s.Raw(",")
		}
		first = false
		s.Raw(f.label)
		f.show(s, m)
	}
	s.Raw("}")
}

// object is the wire form of a row.
func (p *prepared[M]) object(names Names, m *M, sel selection) []byte {
	return written(names, p.shown, m, sel)
}

// detail is the wire form of a row where it is read by itself.
func (p *prepared[M]) detail(names Names, m *M, sel selection) []byte {
	return written(names, p.detailed, m, sel)
}

func written[M any](names Names, fields []*Field[M], m *M, sel selection) []byte {
	s := &Show{Names: names}
	writeObject(s, fields, m, sel)
	return s.text
}
