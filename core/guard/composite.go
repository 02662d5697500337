package guard

import (
	"slices"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
)

// Composite lets through what any of its guards does.
type Composite struct {
	model.ContentGuard
	// members are its guards in the order in which they are asked, with their types.
	members []member
	// given are the guards that a request names; nil when it names none.
	given []resource.Object
}

type member struct {
	CompositeID, GuardID, PulpType string
}

// maxMembers is how many guards one may be made of.
const maxMembers = 50

var composite = noun.GuardKind[Composite]{
	Kind: noun.Kind{Path: "contentguards/core/composite", Type: "core.composite", Component: "CompositeContentGuard", Table: "core_composite_guards", Doc: "Lets through what any of its guards does; without any, everything."},
	Row:  func(g *Composite) *model.ContentGuard { return &g.ContentGuard },
	Fields: []resource.Field[Composite]{
		resource.ReferenceList("guards", func(g *Composite) *[]resource.Object { return &g.given }, showMembers, resource.Target{Family: "contentguards"}).
			Doc("Guards that are asked in this order; the first that permits lets the request through. Without any, everything passes."),
	},
	Shareable: true,
	Members: func(g *Composite) []string {
		ids := make([]string, len(g.members))
		for i, m := range g.members {
			ids[i] = m.GuardID
		}
		return ids
	},
	Check:   checkMembers,
	Load:    loadMembers,
	Differs: differsInMembers,
	Saved:   saveMembers,
}

func showMembers(s *resource.Show, g *Composite) {
	s.Raw("[")
	for i, m := range g.members {
		separate(s, i)
		s.Href(s.Names.Typed("contentguards", m.PulpType, m.GuardID))
	}
	s.Raw("]")
}

func differsInMembers(g, old *Composite) bool {
	return g.given != nil && !slices.EqualFunc(g.given, old.members, func(o resource.Object, m member) bool { return o.ID == m.GuardID })
}

// checkMembers refuses a guard that would be made of itself.
func checkMembers(in *resource.Input, g, _ *Composite) error {
	if len(g.given) > maxMembers {
		return errs.Field("guards", "A guard can be made of %d others at most.", maxMembers)
	}
	seen := map[string]bool{}
	ids := make([]string, 0, len(g.given))
	for _, o := range g.given {
		if seen[o.ID] {
			return errs.Field("guards", "%s is named twice.", o.PRN())
		}
		seen[o.ID], ids = true, append(ids, o.ID)
	}
	for len(ids) > 0 {
		if slices.Contains(ids, g.ID) {
			return errs.Field("guards", "A content guard cannot be made of itself, not by way of others either.")
		}
		var below []string
		err := in.DB.WithContext(in.Context).Table("core_composite_guard_members").Where("composite_id IN ?", ids).Distinct().Pluck("guard_id", &below).Error
		if err != nil {
			return err
		}
		ids = slices.DeleteFunc(below, func(id string) bool { known := seen[id]; seen[id] = true; return known && id != g.ID })
	}
	return nil
}

func loadMembers(page *resource.Page, rows []*Composite) error {
	byID, ids := map[string]*Composite{}, make([]string, 0, len(rows))
	for _, g := range rows {
		g.members = nil
		byID[g.ID], ids = g, append(ids, g.ID)
	}
	var found []member
	err := page.DB.WithContext(page.Context).Table("core_composite_guard_members c").Select("c.composite_id, c.guard_id, g.pulp_type").
		Joins("JOIN core_content_guards g ON g.id = c.guard_id").Where("c.composite_id IN ?", ids).Order("c.composite_id, c.place").Scan(&found).Error
	for _, m := range found {
		byID[m.CompositeID].members = append(byID[m.CompositeID].members, m)
	}
	return err
}

func saveMembers(w *resource.Work, g, _ *Composite) error {
	if g.given == nil {
		return nil
	}
	if err := w.Tx.Where("composite_id = ?", g.ID).Delete(&model.GuardMember{}).Error; err != nil {
		return err
	}
	for i, o := range g.given {
		if err := w.Tx.Create(&model.GuardMember{CompositeID: g.ID, Place: int64(i), GuardID: o.ID}).Error; err != nil {
			return err
		}
	}
	return nil
}
