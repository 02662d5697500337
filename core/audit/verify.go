package audit

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	// verifyBatch is how many entries are read at once.
	verifyBatch = 1000
	// maxFindings bounds what a report lists; the first ones are what matters.
	maxFindings = 100
)

// Finding is something that is not as it was written.
type Finding struct {
	// Position is the place in the chain; 0 for what has none.
	Position int64  `json:"position"`
	What     string `json:"what"`
}

// Report is what Verify saw.
type Report struct {
	// OK tells that nothing was found.
	OK bool `json:"ok"`
	// Entries is how many entries of the chain were looked at.
	Entries int64 `json:"entries"`
	// Anchor is the last entry that retention removed, Head the last one of the chain, as Point writes them.
	Anchor string `json:"anchor"`
	Head   string `json:"head"`
	// Unsealed is how many entries wait for their place.
	Unsealed int64     `json:"unsealed"`
	Findings []Finding `json:"findings"`
}

// Verify walks through the whole chain. kept may be a head that was written down earlier: it must be part of the chain;
// nil asks for nothing.
func (l *Log) Verify(ctx context.Context, kept *Point) (*Report, error) {
	w := &walk{l: l, ctx: ctx, kept: kept, report: Report{Findings: []Finding{}}}
	for _, step := range []func() error{w.ends, w.chain, w.beyond, w.unsealed} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("verify the audit log: %w", err)
		}
	}
	w.keptSeen()
	w.report.OK = len(w.report.Findings) == 0
	return &w.report, nil
}

// walk is one pass over the chain.
type walk struct {
	l      *Log
	ctx    context.Context
	kept   *Point
	seen   bool
	at     Point // the last entry looked at
	head   Point
	report Report
}

func (w *walk) found(position int64, format string, args ...any) {
	if len(w.report.Findings) < maxFindings {
		w.report.Findings = append(w.report.Findings, Finding{position, fmt.Sprintf(format, args...)})
	}
}

func (w *walk) ends() error {
	e, err := readEnds(w.l.o.DB.Read(w.ctx), "")
	if errs.Is(err, errs.Internal) {
		w.found(0, "%s", err)
		return nil
	}
	if err != nil {
		return err
	}
	w.head = e.head()
	w.start(e.anchor())
	w.report.Anchor, w.report.Head = w.at.String(), w.head.String()
	if err := w.l.checkHead(e); err != nil {
		w.found(e.Position, "%s", err)
	}
	if err := w.l.checkAnchor(e); err != nil {
		w.found(e.AnchorPosition, "%s", err)
	}
	return nil
}

func (w *walk) start(anchor Point) {
	w.at = anchor
	w.see()
}

// see compares the place with the one that was kept elsewhere.
func (w *walk) see() { w.seen = w.seen || w.kept != nil && *w.kept == w.at }

func (w *walk) chain() error {
	for w.at.Position < w.head.Position {
		rows, err := w.l.After(w.ctx, w.at.Position, verifyBatch)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		if err := w.pruned(&rows[0]); err != nil {
			return err
		}
		for i := range rows {
			if rows[i].position() > w.head.Position {
				w.end()
				return nil
			}
			w.entry(&rows[i])
		}
	}
	w.end()
	return nil
}

// pruned goes on behind the anchor when retention has just removed what is looked at.
func (w *walk) pruned(next *Entry) error {
	if next.position() == w.at.Position+1 {
		return nil
	}
	e, err := readEnds(w.l.o.DB.Read(w.ctx), "")
	if err != nil {
		return err
	}
	if e.AnchorPosition > w.at.Position && w.l.checkAnchor(e) == nil {
		w.start(e.anchor())
	}
	return nil
}

func (w *walk) entry(e *Entry) {
	if missing := e.position() - w.at.Position - 1; missing == 1 {
		w.found(w.at.Position+1, "the entry at this position is missing")
	} else if missing > 1 {
		w.found(w.at.Position+1, "%d entries are missing, up to position %d", missing, e.position()-1)
	}
	if e.position() == w.at.Position+1 && e.Chain(w.at.Hash) != e.Hash {
		w.found(e.position(), "the entry was changed, inserted or moved")
	}
	if !e.Genuine {
		w.found(e.position(), "the entry had no proof when it was sealed: it was put into the database or changed there by hand")
	}
	w.report.Entries++
	w.at = Point{e.position(), e.Hash}
	w.see()
}

// end compares where the chain ended with where it should have.
func (w *walk) end() {
	switch {
	case w.at.Position < w.head.Position:
		w.found(w.at.Position+1, "the last %d entries are missing", w.head.Position-w.at.Position)
	case w.at != w.head:
		w.found(w.at.Position, "the last entry is not the one that the head names")
	}
}

// beyond looks for entries behind the head, which may have gone on meanwhile.
func (w *walk) beyond() error {
	var rows []struct{ Head, Last int64 }
	err := w.l.o.DB.Read(w.ctx).Raw(`SELECT h.position AS head, COALESCE((SELECT max(position) FROM core_audit_entries), 0) AS last FROM core_audit_head h WHERE h.id = 1`).Scan(&rows).Error
	if err != nil {
		return err
	}
	if len(rows) == 1 && rows[0].Last > rows[0].Head {
		w.found(rows[0].Head+1, "there are entries behind the end of the chain")
	}
	return w.before()
}

// before looks for entries in front of the beginning.
func (w *walk) before() error {
	var first []int64
	err := w.l.o.DB.Read(w.ctx).Raw(`SELECT e.position FROM core_audit_entries e, core_audit_head h WHERE h.id = 1 AND e.position <= h.anchor_position ORDER BY e.position LIMIT 1`).Scan(&first).Error
	if err == nil && len(first) > 0 {
		w.found(first[0], "there are entries before the beginning of the chain")
	}
	return err
}

// unsealed checks the proofs of those that wait.
func (w *walk) unsealed() error {
	for after := ""; ; {
		var rows []Entry
		query := w.l.o.DB.Read(w.ctx).Where("position IS NULL")
		if after != "" {
			query = query.Where("id > ?", after)
		}
		if err := query.Order("id").Limit(verifyBatch).Find(&rows).Error; err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			w.report.Unsealed++
			if ok, err := w.l.proven(&rows[i]); err != nil {
				w.found(0, "the entry %s, not sealed yet, was proven with a key that is not in the key file", rows[i].ID)
			} else if !ok {
				w.found(0, "the entry %s, not sealed yet, was put into the database or changed there by hand", rows[i].ID)
			}
		}
		after = rows[len(rows)-1].ID
	}
}

// keptSeen tells whether the place that was kept elsewhere is part of the chain.
func (w *walk) keptSeen() {
	if w.kept == nil || w.seen || *w.kept == (Point{}) {
		return
	}
	w.found(w.kept.Position, "the head that was kept elsewhere is not part of this chain: its end was cut off or rewritten, or retention has removed that entry")
}
