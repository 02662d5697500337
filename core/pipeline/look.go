package pipeline

import (
	"context"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
)

// look finds out what is here already. It reads outside transactions; save looks again at what matters.
func (p *pipeline) look(ctx context.Context, s *stage, b *batch) error {
	s.count("units", len(b.items))
	for _, i := range b.items {
		if i.known() {
			if err := p.complete(i); err != nil {
				return err
			}
		}
	}
	if !p.empty {
		if err := p.settle(ctx, b); err != nil {
			return err
		}
	}
	s.count("settled", len(b.settled))
	if err := p.findArtifacts(ctx, b); err != nil {
		return err
	}
	if !p.alternates {
		return nil
	}
	return p.findAlternates(ctx, b)
}

// settle takes out the units of which nothing is left to do: members of the newest version whose files are all here, or
// need not be, and are known to be had from this remote under this URL.
func (p *pipeline) settle(ctx context.Context, b *batch) error {
	rows := db.Table{Columns: append(db.Columns("w_item bigint", "w_path text", "w_url text"), p.key...)}
	files := map[int64]int{}
	for n, i := range b.items {
		if i.values == nil {
			continue
		}
		for _, f := range i.Files {
			rows.Rows = append(rows.Rows, append([]any{n, f.RelativePath, f.URL}, p.keyOf(i)...))
		}
	}
	done := map[int64]string{}
	err := p.Run.DB().Query(ctx, rows, p.settled(),
		func(read func(...any) error) error {
			var n int64
			var id string
			if err := read(&n, &id); err != nil {
				return err
			}
			done[n] = id
			files[n]++
			return nil
		}, p.settleArgs()...)
	if err != nil || len(done) == 0 {
		return err
	}
	open := b.items[:0:0]
	for n, i := range b.items {
		if files[int64(n)] == len(i.Files) {
			i.contentID = done[int64(n)]
			b.settled = append(b.settled, i)
		} else {
			open = append(open, i)
		}
	}
	b.items = open
	return nil
}

// settled is settle's statement. Each look-up stands where it is one index step for each unit, whatever the planner
// knows of tables that are filled at this moment; the LIMIT keeps it from being moved elsewhere.
func (p *pipeline) settled() string {
	artifact, place := "", ""
	if p.wanted() {
		artifact = " AND ca.artifact_id IS NOT NULL"
	}
	if p.Remote != nil {
		place = " AND (SELECT count(*) FROM core_remote_artifacts ra WHERE ra.content_id = f.id AND ra.relative_path = f.w_path AND ra.remote_id = ? AND ra.url = f.w_url) > 0"
	}
	return `SELECT f.w_item, f.id FROM (SELECT w.w_item, w.w_path, w.w_url, ` + p.idOf() + ` AS id FROM w LIMIT 1000000000) f WHERE f.id IS NOT NULL
		AND (SELECT count(*) FROM core_repository_contents m WHERE m.repository_id = ? AND m.content_id = f.id AND m.version_removed IS NULL) > 0
		AND (SELECT count(*) FROM core_content_artifacts ca WHERE ca.content_id = f.id AND ca.relative_path = f.w_path` + artifact + `) > 0` + place
}

// idOf is the identity of the unit that has the natural key of w; its parameter is the domain.
func (p *pipeline) idOf() string {
	return "(SELECT d.id FROM " + p.Kind.Table + " d WHERE d.domain_id = ?" + p.sameKey("d") + ")"
}

func (p *pipeline) settleArgs() []any {
	args := []any{p.Run.Domain, p.RepositoryID}
	if p.Remote != nil {
		args = append(args, p.Remote.ID)
	}
	return args
}

// keyOf are the values of a unit's natural key.
func (p *pipeline) keyOf(i *item) []any {
	values := make([]any, len(p.keyAt))
	for k, at := range p.keyAt {
		values[k] = i.values[at]
	}
	return values
}

// sameKey is the condition that a detail row has the natural key of w.
func (p *pipeline) sameKey(alias string) (sql string) {
	for _, c := range p.key {
		sql += " AND " + alias + "." + c.Name + " = w." + c.Name
	}
	return sql
}

// findArtifacts finds files that are here already, by the digest that the upstream tells.
func (p *pipeline) findArtifacts(ctx context.Context, b *batch) error {
	found, err := artifact.FindAll(p.Run.DB().Bound(ctx), p.Run.Domain, b.digests())
	if err != nil {
		return err
	}
	b.eachFile(func(i *item, k int) {
		if id, here := found[i.Files[k].Digests[artifact.SHA256]]; here {
			i.files[k].artifactID = &id
		}
	})
	return nil
}

// findAlternates finds places of alternate content sources for files that are to be fetched.
func (p *pipeline) findAlternates(ctx context.Context, b *batch) error {
	if !p.wanted() {
		return nil
	}
	rows := db.Table{Columns: db.Columns("sha256 text")}
	for _, digest := range b.digests() {
		rows.Rows = append(rows.Rows, []any{digest})
	}
	found := map[string][]place{}
	err := p.Run.DB().Query(ctx, rows, `SELECT ra.sha256, ra.remote_id, ra.url FROM w JOIN core_remote_artifacts ra ON ra.sha256 = w.sha256 AND ra.alternate
		JOIN core_remotes r ON r.id = ra.remote_id AND r.domain_id = ?`, func(read func(...any) error) error {
		var digest string
		var at place
		if err := read(&digest, &at.remoteID, &at.url); err != nil {
			return err
		}
		found[digest] = append(found[digest], at)
		return nil
	}, p.Run.Domain)
	b.eachFile(func(i *item, k int) { i.files[k].elsewhere = found[i.Files[k].Digests[artifact.SHA256]] })
	return err
}

// digests are the SHA-256 of the files that are not known to be here.
func (b *batch) digests() []string {
	var all []string
	b.eachFile(func(i *item, k int) {
		if digest := i.Files[k].Digests[artifact.SHA256]; digest != "" && i.files[k].artifactID == nil {
			all = append(all, digest)
		}
	})
	return all
}

func (b *batch) eachFile(do func(i *item, k int)) { eachFile(b.items, do) }
