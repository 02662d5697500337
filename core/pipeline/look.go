package pipeline

import (
	"context"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/db"
)

// look finds out what is here already. It reads outside transactions; save looks again at what matters.
func (p *pipeline) look(ctx context.Context, b *batch) error {
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
	// CROSS JOIN keeps SQLite, which has no statistics here, from beginning with all members of the repository.
	err := p.Run.DB().Query(ctx, rows, `SELECT w.w_item, d.id FROM w CROSS JOIN `+p.Kind.Table+` d CROSS JOIN core_repository_contents m CROSS JOIN core_content_artifacts ca`+p.place(),
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

// place is the rest of settle's statement, with where a file can be had.
func (p *pipeline) place() string {
	where := ` WHERE d.domain_id = ?` + p.sameKey("d") + ` AND m.repository_id = ? AND m.content_id = d.id AND m.version_removed IS NULL AND ca.content_id = d.id AND ca.relative_path = w.w_path`
	if p.wanted() {
		where += " AND ca.artifact_id IS NOT NULL"
	}
	if p.Remote == nil {
		return where
	}
	return " CROSS JOIN core_remote_artifacts ra" + where + " AND ra.content_id = d.id AND ra.relative_path = w.w_path AND ra.remote_id = ? AND ra.url = w.w_url"
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
