package oidc

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/federation"
)

// provider is one entry of authentication.oidc.
type provider struct {
	name                                   string
	issuer                                 *Issuer
	client, callback                       string
	secret                                 config.Secret
	scopes                                 []string
	usernameClaim, emailClaim, groupsClaim string
	required                               federation.Conditions
	source                                 federation.Source
}

// newProvider reads the parameters. What is missing or unknown is Invalid.
func newProvider(in config.Instance, now func() time.Time) (*provider, error) {
	r := &reader{in: in}
	p := &provider{
		name: in.Name, client: r.text("client_id", ""), secret: r.secret("client_secret"), callback: r.text("redirect_uri", ""),
		scopes: r.texts("scopes"), usernameClaim: r.text("username_claim", "preferred_username"), emailClaim: r.text("email_claim", "email"),
		groupsClaim: r.text("groups_claim", "groups"), required: r.conditions("required_claims"),
		source: federation.Source{Origin: "oidc:" + in.Name, Groups: r.mapping("groups"), Create: r.flag("create_users", true)},
	}
	issuer := IssuerOptions{URL: r.text("issuer", ""), CAFile: r.text("ca_file", ""), Insecure: r.flag("allow_insecure", false), Now: now}
	r.note(in.Only("issuer", "client_id", "client_secret", "redirect_uri", "scopes", "username_claim", "email_claim", "groups_claim", "required_claims",
		"groups", "create_users", "ca_file", "allow_insecure"))
	switch u, err := url.Parse(p.callback); {
	case in.Type != "oidc":
		r.note(errs.New(errs.Invalid, "provider %q has the type %q; the type of a log-in provider is oidc", in.Name, in.Type))
	case !regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,49}$`).MatchString(in.Name):
		r.note(errs.New(errs.Invalid, "provider %q must have a name of lower-case letters, digits, - and _: it is part of an address", in.Name))
	case p.client == "":
		r.note(errs.New(errs.Invalid, "provider %q needs the parameter client_id, as it is registered there", in.Name))
	case p.callback != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http"):
		r.note(errs.New(errs.Invalid, "redirect_uri of provider %q must be an address of this server, or be left out", in.Name))
	}
	if len(p.scopes) == 0 {
		p.scopes = []string{"openid", "profile", "email"}
	}
	if !slices.Contains(p.scopes, "openid") {
		p.scopes = append([]string{"openid"}, p.scopes...)
	}
	if r.err != nil {
		return nil, r.err
	}
	made, err := NewIssuer(issuer)
	p.issuer = made
	return p, err
}

// oauth is the client that we are to the provider.
func (p *provider) oauth(k *known, callback string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.client, ClientSecret: p.secret.Reveal(), Endpoint: k.provider.Endpoint(), RedirectURL: callback, Scopes: p.scopes}
}

// profile is what the claims say of the person.
func (p *provider) profile(c federation.Claims) federation.Profile {
	return federation.Profile{Username: c.Text(p.usernameClaim), FirstName: c.Text("given_name"), LastName: c.Text("family_name"),
		Email: c.Text(p.emailClaim), Groups: c.Texts(p.groupsClaim)}
}

// reader reads parameters and keeps their faults.
type reader struct {
	in  config.Instance
	err error
}

func (r *reader) note(err error) { r.err = errors.Join(r.err, err) }

func (r *reader) text(name, otherwise string) string {
	value, err := r.in.Text(name)
	r.note(err)
	if value == "" {
		return otherwise
	}
	return value
}

func (r *reader) secret(name string) config.Secret {
	value, err := r.in.Secret(name)
	r.note(err)
	return value
}

func (r *reader) texts(name string) []string {
	value, err := r.in.Texts(name)
	r.note(err)
	return value
}

func (r *reader) mapping(name string) map[string]string {
	value, err := r.in.TextMap(name)
	r.note(err)
	return value
}

func (r *reader) flag(name string, otherwise bool) bool {
	value, err := r.in.Bool(name, otherwise)
	r.note(err)
	return value
}

func (r *reader) conditions(name string) federation.Conditions {
	value, err := federation.ParseConditions(r.mapping(name))
	r.note(err)
	return value
}
