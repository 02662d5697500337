// Package ldap lets the people of a directory log in with the password that they have there (LDAP, RFC 4511).
//
// For each log-in the directory is asked who the person is, which groups the person is in, and then, with a bind under
// the entry that was found, whether the password is right. A right pair is remembered for a short time in this process,
// so that a client which sends its password with each request does not ask the directory each time.
package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
)

// Origin is what User.Origin says of people of the directory.
const Origin = "ldap"

// The longest name and password that the directory is asked about, in characters and bytes.
const (
	maxName     = 150
	maxPassword = 1024
)

// Options are what a Backend needs. All but Now and Log are required.
type Options struct {
	Settings config.LDAP
	Accounts *federation.Accounts
	// Remember is how long a right pair is not asked about again; at most auth.MaxRemember, 0 for not at all.
	Remember time.Duration
	// Now is the clock, nil for that of the system.
	Now func() time.Time
	Log *slog.Logger
}

// Backend knows the people of one directory. It is safe for concurrent use.
type Backend struct {
	directory directory
	source    federation.Source
	settings  config.LDAP
	accounts  *federation.Accounts
	known     *auth.Remembered[int64]
	flight    singleflight.Group
	now       func() time.Time
	log       *slog.Logger
}

// New makes a Backend. It does not ask the directory: a directory that is down keeps nobody else from logging in.
func New(o Options) (*Backend, error) {
	if o.Remember < 0 || o.Remember > auth.MaxRemember {
		return nil, errs.New(errs.Invalid, "passwords of the directory cannot be remembered for %s; set a time from 0s to %s", o.Remember, auth.MaxRemember)
	}
	trust, err := trustOf(o.Settings)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Backend{
		directory: directory{o.Settings, trust},
		source:    federation.Source{Origin: Origin, Groups: o.Settings.GroupMap, Create: o.Settings.CreateUsers},
		settings:  o.Settings, accounts: o.Accounts, known: auth.NewRemembered[int64](o.Remember, o.Now), now: o.Now, log: o.Log,
	}, nil
}

// Authenticate gives the user of a name and password of the directory, made or brought up to date. NotFound is a name
// that is none of the directory's, which includes those of users who were made here or come from elsewhere;
// Unauthenticated is a wrong password, an empty one, or a person who may not log in; Unavailable is a directory that
// does not answer.
func (b *Backend) Authenticate(ctx context.Context, name, password string) (*auth.User, error) {
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName {
		return nil, noSuch()
	}
	mine, err := b.accounts.Mine(ctx, b.source, name)
	if err != nil {
		return nil, err
	}
	if !mine {
		return nil, noSuch()
	}
	// A bind without a password is no log-in but anonymous, and directories answer it with success (RFC 4513, section 5.1.2).
	if password == "" || len(password) > maxPassword {
		return nil, refused()
	}
	pair := b.known.Digest(name, password)
	if id, ok := b.known.Get(pair); ok {
		return b.user(b.accounts.Known(ctx, b.source, id))
	}
	return b.ask(ctx, pair, name, password)
}

// ask asks the directory once for all who want to know the same at the same time.
func (b *Backend) ask(ctx context.Context, pair auth.Digest, name, password string) (*auth.User, error) {
	done := b.flight.DoChan(string(pair[:]), func() (any, error) {
		// detached: others wait for the same answer, so the first one who leaves must not end it
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.settings.Timeout)
		defer cancel()
		return b.logIn(ctx, pair, name, password)
	})
	select {
	case <-ctx.Done():
		return nil, errs.New(errs.Canceled, "The log-in was given up: %w", ctx.Err())
	case r := <-done:
		user, _ := r.Val.(*auth.User)
		if r.Err != nil || user == nil {
			return nil, r.Err
		}
		own := *user
		return &own, nil
	}
}

func (b *Backend) logIn(ctx context.Context, pair auth.Digest, name, password string) (*auth.User, error) {
	start := b.now()
	person, err := b.directory.logIn(ctx, name, password)
	if errors.Is(err, errDown) {
		b.log.ErrorContext(ctx, "the directory of the people who log in does not answer", "error", err)
		return nil, errs.New(errs.Unavailable, "The directory does not answer; try again later.")
	}
	if err != nil {
		b.log.InfoContext(ctx, "the directory refused a log-in", "user", name, "reason", err)
		if errs.Is(err, errs.NotFound) {
			return nil, noSuch()
		}
		return nil, refused()
	}
	if !b.admits(person) {
		b.log.WarnContext(ctx, "a person of the directory is not in the required group", "user", name)
		return nil, refused()
	}
	user, err := b.user(b.accounts.ByName(ctx, b.source, b.profile(person)))
	if err != nil {
		return nil, err
	}
	b.known.Add(pair, user.ID, start)
	return user, nil
}

// user hides from who asks why somebody with a right password is kept out; the log has it.
func (b *Backend) user(user *auth.User, err error) (*auth.User, error) {
	if errs.Is(err, errs.Forbidden) || errs.Is(err, errs.Unauthenticated) {
		b.log.Warn("a person of the directory was kept out", "reason", err)
		return nil, refused()
	}
	if err != nil {
		return nil, err
	}
	user.Via = "password (ldap)"
	return user, nil
}

func noSuch() error {
	return errs.New(errs.NotFound, "The directory has no such person; check the name.")
}

func refused() error {
	return errs.New(errs.Unauthenticated, "Invalid username/password; check both and try again.")
}

// trustOf says how the directory proves who it is.
func trustOf(s config.LDAP) (*tls.Config, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile == "" {
		return trust, nil
	}
	pool, err := readCertificates(s.CAFile)
	trust.RootCAs = pool
	return trust, err
}

var _ auth.PasswordBackend = (*Backend)(nil)
