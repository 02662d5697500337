package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/packhouse/packhouse/core/db"
)

// given is on how many objects the user of the measurement has a role.
const given = 10_000

// reader is that user's name.
const reader = "reader"

// measureAccess measures what roles on single objects cost: a list of 100 and a look at one object, of many repositories
// of which a user has a role on few, beside the same for a superuser in the same moment.
func measureAccess(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	l, err := s.loadRepositories(ctx, b.most)
	if err != nil {
		return err
	}
	for _, where := range []struct {
		what        string
		first, step int
	}{{"spread over all", 1, b.most / min(given, b.most)}, {"the oldest", 1, 1}} {
		if err := s.give(ctx, l, where.first, where.step, min(given, b.most)); err != nil {
			return err
		}
		if err := l.settled(ctx); err != nil {
			return err
		}
		what := fmt.Sprintf("list of 100 of %d repositories for a user with roles on %d (%s): p99", b.most, min(given, b.most), where.what)
		if err := b.beside(ctx, s, figure{Work: "access", Mode: mode, What: what, Unit: "ms", PeerWhat: "a superuser's list of all", Goal: ratioBelow(3)}, 0.99, 200,
			func() string { return "repositories/file/file/?limit=100" }); err != nil {
			return err
		}
	}
	return b.beside(ctx, s, figure{Work: "access", Mode: mode, What: "one of them read by that user, the decision remembered: p50", Unit: "ms", PeerWhat: "read by a superuser"}, 0.5, 2000,
		func() string { return "repositories/file/file/" + unitID(1+rand.IntN(min(100, b.most))) + "/" })
}

// beside runs the same requests as the user and as the superuser by turns.
func (b *bench) beside(ctx context.Context, s *system, f figure, q float64, count int, path func() string) error {
	as := func(credentials string) load {
		return load{address: s.apiAt, clients: 1, count: b.enough(count), round: func(_ context.Context, w *wire, _ int) error {
			return expect(w, requestAs(s.apiAt, credentials, api+path()), 200)
		}}
	}
	for range b.runs() {
		for _, who := range []struct {
			name string
			into *[]float64
		}{{reader, &f.Runs}, {user, &f.Peer}} {
			o, err := as(who.name + ":" + password).run(ctx)
			if err != nil {
				return err
			}
			*who.into = append(*who.into, quantile(o.took, q))
		}
	}
	f.Notes = "one client, by turns"
	b.report(f)
	return nil
}

// requestAs is a GET with credentials, written out.
func requestAs(address, credentials, path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\nAuthorization: Basic " + base64.StdEncoding.EncodeToString([]byte(credentials)) + "\r\n\r\n")
}

// loadRepositories loads n repositories without versions.
func (s *system) loadRepositories(ctx context.Context, n int) (loader, error) {
	d, err := db.Open(ctx, db.Options{URL: s.database})
	if err != nil {
		return loader{}, err
	}
	s.later(d.Close)
	l := loader{db: d}
	for _, sql := range []string{
		`INSERT INTO core_repositories (id, domain_id, pulp_type, name, pulp_labels, pulp_created, pulp_last_updated)
			SELECT {unit}, {domain}, 'file.file', 'r' || i, '{}', {now}, {now} FROM s`,
		`INSERT INTO file_repositories (id, domain_id, autopublish, last_sync_details) SELECT {unit}, {domain}, FALSE, '{}' FROM s`,
	} {
		if err := l.insert(ctx, 1, n, sql); err != nil {
			return l, err
		}
	}
	return l, s.client().json(ctx, "POST", api+"users/", map[string]string{"username": reader, "password": password}, nil)
}

// give gives the user the viewer's role on count repositories from the first in steps, and on no others.
func (s *system) give(ctx context.Context, l loader, first, step, count int) error {
	err := l.db.InTx(ctx, func(tx *db.Tx) error {
		if err := tx.Exec("DELETE FROM core_role_assignments WHERE user_id = (SELECT id FROM core_users WHERE username = ?)", reader).Error; err != nil {
			return err
		}
		return tx.Exec("UPDATE core_access_mark SET mark = mark + 1").Error
	})
	if err != nil {
		return err
	}
	object := l.text("{unit}")
	if step > 1 || first > 1 {
		object = l.at(strconv.Itoa(first) + " + (i - 1) * " + strconv.Itoa(step))
	}
	return l.insert(ctx, 1, count, `INSERT INTO core_role_assignments (id, user_id, role_id, model, object_id, pulp_created, pulp_last_updated)
		SELECT `+l.text("{unit}")+`, (SELECT id FROM core_users WHERE username = '`+reader+`'), (SELECT id FROM core_roles WHERE name = 'file.filerepository_viewer'),
		'file.filerepository', `+object+`, {now}, {now} FROM s`)
}

// at is the identity of the unit whose number is an expression over i.
func (l loader) at(number string) string {
	if l.db.Dialect() == db.Postgres {
		return "uuid('01930000-0000-7000-8000-' || lpad(to_hex(" + number + "), 12, '0'))"
	}
	return "printf('01930000-0000-7000-8000-%012x', " + number + ")"
}
