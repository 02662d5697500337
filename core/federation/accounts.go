package federation

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/audit"
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// Accounts finds, makes and updates the users of sources. It is safe for concurrent use.
type Accounts struct {
	db    *db.DB
	users *auth.Users
}

// NewAccounts makes Accounts over the users; both arguments are required.
func NewAccounts(d *db.DB, users *auth.Users) *Accounts {
	if d == nil || users == nil {
		panic("federation.NewAccounts needs a database and users")
	}
	return &Accounts{db: d, users: users}
}

// Mine tells whether a name belongs to the source or to nobody yet. A source is not asked about other names: a password
// for a user of this server is not shown to it.
func (a *Accounts) Mine(ctx context.Context, s Source, name string) (bool, error) {
	user, err := a.users.FindUser(ctx, name)
	if errs.Is(err, errs.NotFound) {
		return true, nil
	}
	return err == nil && user.Origin == s.Origin, err
}

// Known gives the user of a number if it still is one of the source's and may log in; otherwise it is Unauthenticated.
func (a *Accounts) Known(ctx context.Context, s Source, id int64) (*auth.User, error) {
	user, err := a.users.User(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return nil, errs.New(errs.Unauthenticated, "The user is gone; log in again.")
	}
	if err != nil {
		return nil, err
	}
	if user.Origin != s.Origin {
		return nil, taken(user.Username, s)
	}
	if err := mayLogIn(user); err != nil {
		return nil, err
	}
	return user, nil
}

// ByName gives the user for a person whom the source knows by the name in the profile, made or brought up to date by what
// the profile says. A name of a user from elsewhere is Forbidden; a user who is deactivated here, or not known while
// the source may not make users, is Unauthenticated.
func (a *Accounts) ByName(ctx context.Context, s Source, p Profile) (*auth.User, error) {
	user, err := a.users.FindUser(ctx, p.Username)
	if errs.Is(err, errs.NotFound) {
		return a.create(ctx, s, p, nil)
	}
	if err != nil {
		return nil, err
	}
	if user.Origin != s.Origin {
		return nil, taken(user.Username, s)
	}
	return a.update(ctx, s, p, user)
}

// ByIdentity is ByName for a person whom the source knows by an identity: the name in the profile counts for the first
// log-in only.
func (a *Accounts) ByIdentity(ctx context.Context, s Source, who Identity, p Profile) (*auth.User, error) {
	// A subject has at most 255 ASCII characters (OpenID Connect Core 1.0, section 2); no other can be stored everywhere.
	if len(who.Subject) > 255 || strings.ContainsFunc(who.Subject, func(r rune) bool { return r < ' ' || r > '~' }) || who.Subject == "" {
		return nil, errs.New(errs.Forbidden, "%s names the person in a way that the standard does not allow; ask the administrator.", s.Origin)
	}
	user, err := a.identified(ctx, who)
	if err != nil {
		return nil, err
	}
	if user == nil {
		return a.create(ctx, s, p, &who)
	}
	if user.Origin != s.Origin {
		return nil, taken(user.Username, s)
	}
	return a.update(ctx, s, p, user)
}

// identified gives the user of an identity, nil when nobody has it.
func (a *Accounts) identified(ctx context.Context, who Identity) (*auth.User, error) {
	var found []identityRow
	err := a.db.Read(ctx).Where("provider = ? AND issuer = ? AND subject = ?", who.Provider, who.Issuer, who.Subject).Limit(1).Find(&found).Error
	if err != nil {
		return nil, fmt.Errorf("look for an identity of %s: %w", who.Provider, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	user, err := a.users.User(ctx, found[0].UserID)
	if errs.Is(err, errs.NotFound) { // deleted between the two questions
		return nil, nil
	}
	return user, err
}

// create makes user, identity and memberships at once, so that no crash leaves a name without its owner.
func (a *Accounts) create(ctx context.Context, s Source, p Profile, who *Identity) (*auth.User, error) {
	if !s.Create {
		return nil, errs.New(errs.Unauthenticated, "There is no user %q here and none is made for those who come from %s; ask the administrator.", p.Username, s.Origin)
	}
	fresh, err := newUser(s, p)
	if err != nil {
		return nil, err
	}
	var id int64
	err = a.db.InTx(ctx, func(tx *db.Tx) error {
		row := *fresh
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		id = row.ID
		if who != nil {
			link := identityRow{Provider: who.Provider, Issuer: who.Issuer, Subject: who.Subject, UserID: id, PulpCreated: row.DateJoined}
			if err := tx.Create(&link).Error; err != nil {
				return err
			}
		}
		return join(tx, id, wanted(s, p), nil)
	})
	if _, duplicate := db.Duplicate(err); duplicate {
		return a.second(ctx, s, p, who)
	}
	if err != nil {
		return nil, fmt.Errorf("create user %s of %s: %w", p.Username, s.Origin, err)
	}
	made, err := a.users.User(ctx, id)
	if err != nil {
		return nil, err
	}
	noted(ctx, s, made)
	return made, nil
}

// second is asked when the name was taken in the meantime: by the same person in another request, or by somebody else.
func (a *Accounts) second(ctx context.Context, s Source, p Profile, who *Identity) (*auth.User, error) {
	var user *auth.User
	var err error
	if who != nil {
		user, err = a.identified(ctx, *who)
	} else {
		user, err = a.users.FindUser(ctx, p.Username)
	}
	if err != nil {
		return nil, err
	}
	if user == nil || user.Origin != s.Origin {
		return nil, taken(p.Username, s)
	}
	return a.update(ctx, s, p, user)
}

// newUser is the row of a person who comes for the first time. What cannot be stored of names and address is left out;
// a user name that cannot be is Forbidden.
func newUser(s Source, p Profile) (*auth.User, error) {
	now := model.Now()
	user := &auth.User{Username: p.Username, FirstName: p.FirstName, LastName: p.LastName, Email: p.Email, IsActive: true, DateJoined: now, Origin: s.Origin}
	if p.Superuser != nil {
		user.IsSuperuser = *p.Superuser
	}
	return user, storable(user)
}

// noted records that a log-in changed a user: the request may be one that only reads, which leaves no line otherwise.
func noted(ctx context.Context, s Source, user *auth.User) {
	draft := audit.From(ctx)
	draft.Object(ident.PRN(auth.UserModel, strconv.FormatInt(user.ID, 10)))
	draft.LoggedIn(user.ID, user.Username, s.Origin)
}

func taken(name string, s Source) error {
	return errs.New(errs.Forbidden, "The name %q belongs to a user here who does not come from %s; ask the administrator to rename or delete that user.", name, s.Origin)
}

func mayLogIn(user *auth.User) error {
	if user.IsActive && !user.IsServiceAccount {
		return nil
	}
	return errs.New(errs.Unauthenticated, "This user may not log in; ask the administrator.")
}
