package base

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/resource"
)

// The permissions that a limited credential needs in its scope to do something with tokens. Others need none: everybody
// has tokens.
const (
	viewToken   = "core.view_token"
	addToken    = "core.add_token"
	deleteToken = "core.delete_token"
)

// tokenRow is an API token as it is asked for and shown.
type tokenRow struct {
	base                          model.Base
	userID                        int64
	user                          *string
	name                          string
	scope                         model.JSON
	permissions, domains, objects []string
	expiresIn                     *int64
	expiresAt, lastUsedAt         *time.Time
	// text is there in the answer to a create alone.
	text *string
	want auth.NewToken
}

// Tokens are the API tokens of the user; superusers see those of all.
func Tokens() resource.Of[tokenRow] {
	return resource.Of[tokenRow]{
		Path: "tokens", Model: "core.token", Component: "Token", Doc: "A credential for a program.",
		Source: resource.Source{Table: "core_tokens", NoDomain: true},
		Base:   func(t *tokenRow) *model.Base { return &t.base }, Fields: tokenFields(),
		Filters: []resource.Filter{tokenUserFilter()}, Within: ownTokens, Load: loadTokens,
		Offers: []resource.Verb{resource.List, resource.Create, resource.Read, resource.Delete}, SyncDelete: true,
		Access: resource.Access{
			resource.List: auth.Authenticated, resource.Create: auth.Authenticated, resource.Read: auth.Authenticated, resource.Delete: auth.Authenticated,
		},
		Accept: acceptToken, Insert: insertToken,
		Removable: func(ctx context.Context, _ *gorm.DB, _ *tokenRow) error {
			return inScope(auth.UserFrom(ctx), deleteToken)
		},
	}
}

func tokenFields() []resource.Field[tokenRow] {
	fields := resource.BaseFields("d.", "core.token", func(t *tokenRow) *model.Base { return &t.base }, func(t *tokenRow) string { return "tokens/" + t.base.ID + "/" })
	fields = append(fields[:3:3], fields[4:]...) // tokens belong to no domain
	return append(fields,
		resource.Hidden("d.user_id", func(t *tokenRow) *int64 { return &t.userID }),
		resource.Hidden("d.scope", func(t *tokenRow) *model.JSON { return &t.scope }),
		resource.Text("name", func(t *tokenRow) *string { return &t.name }).Required().Filters(resource.Lookups).Doc("A name for people."),
		resource.NullText("user", func(t *tokenRow) **string { return &t.user }).Unstored().Doc("The name of the user whom it logs in; the one who asks when left out."),
		resource.Texts("permissions", func(t *tokenRow) *[]string { return &t.permissions }).Required().Doc("Permissions that it is good for, such as file.view_* or *.*."),
		resource.Texts("domains", func(t *tokenRow) *[]string { return &t.domains }).Doc("Names or hrefs of the domains that it is good for; none means all."),
		resource.Texts("objects", func(t *tokenRow) *[]string { return &t.objects }).Doc("PRNs of the only objects that it is good for; none means all."),
		resource.NullInt("expires_in", 1, func(t *tokenRow) **int64 { return &t.expiresIn }).Unstored().WriteOnly().Doc("Seconds that it lives, in place of expires_at."),
		resource.NullTime("expires_at", func(t *tokenRow) **time.Time { return &t.expiresAt }).Doc("The end of its life; null is none."),
		resource.NullTime("last_used_at", func(t *tokenRow) **time.Time { return &t.lastUsedAt }).ReadOnly().Doc("The last use, exact to a minute."),
		resource.NullText("token", func(t *tokenRow) **string { return &t.text }).Unstored().ReadOnly().Doc("The token itself: shown in the answer to its creation and null ever after."),
	)
}

// ownTokens limits what is seen to the user's own tokens. A limited credential sees none, unless its scope says so.
func ownTokens(c *resource.Call) (resource.Cond, error) {
	switch {
	case c.User == nil || !reaches(c.User, viewToken):
		return resource.Cond{SQL: "1 = 0"}, nil
	case c.User.IsSuperuser:
		return resource.Cond{SQL: "1 = 1"}, nil
	}
	return resource.Cond{SQL: "d.user_id = ?", Args: []any{c.User.ID}}, nil
}

// inScope tells whether the credential in use may do something with tokens. One that is good for certain objects only is
// not good for tokens.
func inScope(user *auth.User, permission string) error {
	if reaches(user, permission) {
		return nil
	}
	return errs.New(errs.Forbidden, "The token in use may not do that; use one with %s that is limited to no domains and no objects.", permission)
}

func reaches(user *auth.User, permission string) bool {
	return user == nil || user.Scope == nil || user.Scope.Allows(permission, "") && len(user.Scope.Domains)+len(user.Scope.Objects) == 0
}

func tokenUserFilter() resource.Filter {
	return resource.Filter{Name: "user", Schema: resource.String(), Cond: func(_ *resource.Filtering, value string) (resource.Cond, error) {
		return resource.Cond{SQL: "d.user_id IN (SELECT id FROM core_users WHERE username = ?)", Args: []any{value}}, nil
	}}
}

// acceptToken finds out what is wanted, and whether the one who asks may want it.
func acceptToken(c *resource.Call, t *tokenRow) error {
	if err := inScope(c.User, addToken); err != nil {
		return err
	}
	user, err := tokenUser(c, t)
	if err != nil {
		return err
	}
	domains, err := domainIDs(c, t.domains)
	if err != nil {
		return err
	}
	if t.expiresIn != nil && t.expiresAt != nil {
		return errs.Field("expires_in", "Give either expires_in or expires_at.")
	}
	if t.expiresIn != nil {
		const most = int64(100 * 365 * 24 * time.Hour / time.Second)
		if *t.expiresIn > most {
			return errs.Field("expires_in", "Ensure this value is less than or equal to %d.", most)
		}
		end := model.Now().Add(time.Duration(*t.expiresIn) * time.Second)
		t.expiresAt = &end
	}
	t.want = auth.NewToken{User: user, Name: t.name, Scope: auth.Scope{Permissions: t.permissions, Domains: domains, Objects: t.objects}, ExpiresAt: t.expiresAt, By: c.User}
	return nil
}

// tokenUser is the user whom the token will log in: the one who asks, or for a superuser anybody.
func tokenUser(c *resource.Call, t *tokenRow) (*auth.User, error) {
	if t.user == nil || *t.user == c.User.Username {
		return c.User, nil
	}
	if !c.User.IsSuperuser {
		return nil, errs.New(errs.Forbidden, "You may make tokens for yourself only; leave out user.")
	}
	var found []auth.User
	if err := c.Env.DB.Read(c.Context()).Where("username = ?", *t.user).Limit(1).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 || !found[0].IsActive {
		return nil, errs.Field("user", "There is no active user of this name.")
	}
	return &found[0], nil
}

// domainIDs finds domains by name, href or PRN.
func domainIDs(c *resource.Call, list []string) ([]string, error) {
	var ids []string
	for _, text := range list {
		column, value := "name", text
		if path, ok := c.Env.Names.Path(text); ok {
			column, value = "id", strings.TrimSuffix(strings.TrimPrefix(path, "domains/"), "/")
		} else if label, id, err := ident.ParsePRN(text); err == nil && label == "core.domain" {
			column, value = "id", id
		}
		id, known := ident.Parse(value)
		if column == "id" {
			value = id
		}
		var found []string
		if column == "name" || known {
			if err := c.Env.DB.Read(c.Context()).Model(&model.Domain{}).Where(column+" = ?", value).Limit(1).Pluck("id", &found).Error; err != nil {
				return nil, err
			}
		}
		if len(found) == 0 {
			return nil, errs.Field("domains", "%q is no domain; name one that is there.", text)
		}
		ids = append(ids, found[0])
	}
	return ids, nil
}

func insertToken(w *resource.Work, t *tokenRow) error {
	row, text, err := w.Env.Tokens.CreateTokenIn(w.Tx, t.want)
	if err != nil {
		return err
	}
	t.base.ID, t.base.PulpCreated, t.base.PulpLastUpdated = row.ID, row.PulpCreated, row.PulpLastUpdated
	t.userID, t.scope, t.expiresAt, t.text = row.UserID, row.ScopeJSON, row.ExpiresAt, &text
	return nil
}

// loadTokens brings the names of the users, and takes the scopes apart.
func loadTokens(page *resource.Page, rows []*tokenRow) error {
	ids := make([]int64, 0, len(rows))
	for _, t := range rows {
		ids = append(ids, t.userID)
	}
	var users []auth.User
	if err := page.DB.WithContext(page.Context).Select("id", "username").Where("id IN ?", ids).Find(&users).Error; err != nil {
		return err
	}
	names := map[int64]*string{}
	for i := range users {
		names[users[i].ID] = &users[i].Username
	}
	for _, t := range rows {
		var scope auth.Scope
		if err := json.Unmarshal(t.scope, &scope); err != nil {
			return errs.New(errs.Internal, "read the scope of the token %s: %w", t.base.ID, err)
		}
		t.user, t.permissions, t.objects, t.domains = names[t.userID], scope.Permissions, scope.Objects, nil
		for _, id := range scope.Domains {
			t.domains = append(t.domains, ident.PRN("core.domain", id))
		}
	}
	return nil
}
