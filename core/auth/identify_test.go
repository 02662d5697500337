package auth

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
)

const proxy, stranger = "10.0.0.1", "203.0.113.5"

// identifier trusts one proxy in both of its headers.
func (f *fixture) identifier(t testing.TB) *Identifier {
	t.Helper()
	filter, err := ParseFilter(".identity.user")
	if err != nil {
		t.Fatal(err)
	}
	passwords, err := NewAuthenticator(f.users, 0)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := NewSessions(f.users, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &Identifier{
		Users: f.users, Passwords: passwords, Sessions: sessions, Proxies: proxies(t, proxy),
		Remote: RemoteUsers{Header: "Remote-User", JSONHeader: "X-Identity", Filter: filter, Create: true},
	}
}

func basicOf(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func jsonOf(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestBasicCredentials(t *testing.T) {
	t.Parallel()
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for header, want := range map[string][2]string{
		encode("a:b"):       {"a", "b"},
		encode("a:b:c"):     {"a", "b:c"},
		encode(":"):         {"", ""},
		encode("ä:ö"):       {"ä", "ö"},
		encode("\xe4:\xf6"): {"ä", "ö"}, // Latin-1, as some clients send it
		" " + encode("a:b"): {"a", "b"},
	} {
		name, password, err := parseBasic(header)
		if err != nil || name != want[0] || password != want[1] {
			t.Errorf("%q gives %q, %q, %v", header, name, password, err)
		}
	}
	for _, header := range []string{"", "!", encode("ab"), encode("a\x00:b"), encode("a:b\x00")} {
		if name, password, err := parseBasic(header); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%q gives %q, %q, %v", header, name, password, err)
		}
	}
}

// TestIdentify asks with everything that a request can bring along. The first that is there decides.
func TestIdentify(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ann := f.user(t, "ann")
	f.user(t, "bob")
	i := f.identifier(t)
	i.Tokens = f.tokens(t, 0)
	_, token := f.token(t, i.Tokens, NewToken{User: ann, Name: "ci", Scope: anything()})
	key, csrf, _, err := i.Sessions.Login(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	cookie := map[string]string{SessionCookie: key}
	head := func(pairs ...string) map[string][]string {
		m := map[string][]string{}
		for n := 0; n < len(pairs); n += 2 {
			m[pairs[n]] = append(m[pairs[n]], pairs[n+1])
		}
		return m
	}
	const name = "Authorization"
	for what, c := range map[string]struct {
		r    request
		want string // user and how, or the kind of the error
	}{
		"nothing":                       {request{}, ""},
		"a password":                    {request{header: head(name, basicOf("ann", goodPassword))}, "ann by password"},
		"a wrong password":              {request{header: head(name, basicOf("ann", "x"))}, "unauthenticated"},
		"a token":                       {request{header: head(name, "Bearer "+token)}, "ann by token ci"},
		"a token, spelled otherwise":    {request{header: head(name, "bearer  "+token)}, "ann by token ci"},
		"a token as password":           {request{header: head(name, basicOf("ann", token))}, "ann by token ci"},
		"a token for whom it is for":    {request{header: head(name, basicOf("__token__", token))}, "ann by token ci"},
		"a token of another":            {request{header: head(name, basicOf("bob", token))}, "unauthenticated"},
		"a token without a name":        {request{header: head(name, basicOf("", token))}, "unauthenticated"},
		"an unknown token":              {request{header: head(name, "Bearer "+newTokenText())}, "unauthenticated"},
		"no token":                      {request{header: head(name, "Bearer x")}, "unauthenticated"},
		"another scheme":                {request{header: head(name, "Negotiate x")}, "unauthenticated"},
		"two of them":                   {request{header: head(name, basicOf("ann", goodPassword), name, basicOf("bob", goodPassword))}, "unauthenticated"},
		"a session":                     {request{cookies: cookie}, "ann by session"},
		"a session that is over":        {request{cookies: map[string]string{SessionCookie: "x"}}, ""},
		"a session that changes":        {request{cookies: cookie, method: "POST"}, "forbidden"},
		"a session with its token":      {request{cookies: cookie, method: "POST", header: head(CSRFHeader, csrf)}, "ann by session"},
		"a session with another token":  {request{cookies: cookie, method: "DELETE", header: head(CSRFHeader, csrf+"x")}, "forbidden"},
		"a password before a session":   {request{cookies: cookie, method: "POST", header: head(name, basicOf("bob", goodPassword))}, "bob by password"},
		"wrong, and a session":          {request{cookies: cookie, header: head(name, basicOf("bob", "x"))}, "unauthenticated"},
		"named by a stranger":           {request{header: head("Remote-User", "ann")}, ""},
		"named by a stranger in JSON":   {request{header: head("X-Identity", jsonOf(`{"identity":{"user":"ann"}}`))}, ""},
		"named by a proxy":              {request{peer: proxy, header: head("Remote-User", "ann")}, "ann by remote header"},
		"named twice":                   {request{peer: proxy, header: head("Remote-User", "ann", "Remote-User", "bob")}, "unauthenticated"},
		"named in JSON":                 {request{peer: proxy, header: head("X-Identity", jsonOf(`{"identity":{"user":"bob"}}`))}, "bob by json header"},
		"nobody named in JSON":          {request{peer: proxy, header: head("X-Identity", jsonOf(`{}`))}, "unauthenticated"},
		"a number named in JSON":        {request{peer: proxy, header: head("X-Identity", jsonOf(`{"identity":{"user":1}}`))}, "unauthenticated"},
		"JSON that the filter fails on": {request{peer: proxy, header: head("X-Identity", jsonOf(`[]`))}, "unauthenticated"},
		"no JSON":                       {request{peer: proxy, header: head("X-Identity", "!")}, "unauthenticated"},
		"a session before a proxy":      {request{peer: proxy, cookies: cookie, header: head("Remote-User", "bob")}, "ann by session"},
		"a proxy that says nothing":     {request{peer: proxy}, ""},
		"from another site":             {request{peer: proxy, method: "POST", header: head("Remote-User", "ann", "Sec-Fetch-Site", "cross-site")}, "forbidden"},
		"from the same site":            {request{peer: proxy, method: "POST", header: head("Remote-User", "ann", "Sec-Fetch-Site", "same-origin")}, "ann by remote header"},
		"a password from another site":  {request{method: "POST", header: head(name, basicOf("ann", goodPassword), "Sec-Fetch-Site", "cross-site")}, "forbidden"},
		"a password from here":          {request{method: "POST", header: head(name, basicOf("ann", goodPassword), "Sec-Fetch-Site", "same-site")}, "ann by password"},
		"only a look from another site": {request{header: head(name, basicOf("ann", goodPassword), "Sec-Fetch-Site", "cross-site")}, "ann by password"},
		"a token from another site":     {request{method: "POST", header: head(name, "Bearer "+token, "Sec-Fetch-Site", "cross-site")}, "ann by token ci"},
		"a name that cannot be":         {request{peer: proxy, header: head("Remote-User", "a:b")}, "unauthenticated"},
	} {
		if c.r.peer == "" {
			c.r.peer = stranger
		}
		user, err := i.Identify(t.Context(), c.r)
		got := string(errs.KindOf(err))
		if user != nil {
			got = user.Username + " by " + user.Via
		}
		if got != c.want {
			t.Errorf("%s: %q, %v; want %q", what, got, err, c.want)
		}
	}
}

func TestRemoteUsersAreMade(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	i := f.identifier(t)
	named := func(name string) request {
		return request{peer: proxy, header: map[string][]string{"Remote-User": {name}}}
	}
	user, err := i.Identify(t.Context(), named("new"))
	if err != nil || user.Origin != "remote" || user.IsSuperuser || user.IsStaff || user.Password != "" || !user.IsActive {
		t.Fatalf("%+v, %v", user, err)
	}
	again, err := i.Identify(t.Context(), named("new"))
	if err != nil || again.ID != user.ID {
		t.Errorf("%v, %v", again, err)
	}
	byJSON, err := i.Identify(t.Context(), request{peer: proxy, header: map[string][]string{"x-identity": {jsonOf(`{"identity":{"user":"other"}}`)}}})
	if err != nil || byJSON.Origin != "json" {
		t.Errorf("%v, %v", byJSON, err)
	}
	f.exec(t, "UPDATE core_users SET is_active = ? WHERE username = 'new'", false)
	f.exec(t, "UPDATE core_users SET is_service_account = ? WHERE username = 'other'", true)
	i.Remote.Create = false
	for _, name := range []string{"new", "other", "newer"} {
		if user, err := i.Identify(t.Context(), named(name)); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%s: %v, %v", name, user, err)
		}
	}
	if _, err := f.users.FindUser(t.Context(), "newer"); !errs.Is(err, errs.NotFound) {
		t.Errorf("it was made all the same: %v", err)
	}
}

// directory is a backend that knows one user.
type directory struct {
	f     *fixture
	asked int
}

func (d *directory) Authenticate(ctx context.Context, name, password string) (*User, error) {
	d.asked++
	switch {
	case name != "dir":
		return nil, errs.New(errs.NotFound, "not mine")
	case password == "down":
		return nil, errs.New(errs.Unavailable, "down")
	case password != goodPassword:
		return nil, errs.New(errs.Unauthenticated, "wrong")
	}
	if user, err := d.f.users.FindUser(ctx, name); err == nil {
		return user, nil
	}
	return d.f.users.CreateUser(ctx, User{Username: name, IsActive: true, Origin: "ldap"}, "")
}

func TestBackendsAreAskedAboutTheirOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.user(t, "ann")
	d := &directory{f: f}
	a := f.throttled(t, time.Minute)
	a.Use(a.throttle, &directory{f: f}, d)
	try(t, a, stranger, "ann", "x", errs.Unauthenticated)
	if d.asked != 0 {
		t.Error("it was asked about a user with a password of its own")
	}
	try(t, a, stranger, "none", goodPassword, errs.Unauthenticated)
	try(t, a, stranger, "dir", "down", errs.Unavailable)
	first := d.asked
	a.Use(a.throttle, d)
	try(t, a, stranger, "dir", goodPassword, "")
	try(t, a, stranger, "dir", goodPassword, "")
	try(t, a, stranger, "dir", goodPassword, "")
	if d.asked != first+1 {
		t.Errorf("it was asked %d times about what is remembered", d.asked-first)
	}
	f.exec(t, "UPDATE core_users SET is_active = ? WHERE username = 'dir'", false)
	try(t, a, stranger, "dir", goodPassword, errs.Unauthenticated)
	f.exec(t, "UPDATE core_users SET is_active = ? WHERE username = 'dir'", true)
	f.clock.forward(time.Minute)
	try(t, a, stranger, "dir", "wrong", errs.Unauthenticated)
	try(t, a, stranger, "dir", "wrong", errs.Unauthenticated)
	try(t, a, stranger, "dir", goodPassword, errs.TooMany)
}

func TestFiltersSeeTheirInputOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", ".a | include \"x\"; .", "$__prog_args"} {
		if _, err := ParseFilter(text); text != "" && !errs.Is(err, errs.Invalid) {
			t.Errorf("%q is a filter: %v", text, err)
		}
	}
	for text, want := range map[string]any{".a": "x", ".b": nil, "env.HOME": nil, "$ENV.PATH": nil, ".a,.c": "x", "empty": nil, "halt": nil} {
		f, err := ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.First(t.Context(), jsonOf(`{"a":"x","c":1}`)); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	endless, err := ParseFilter("def f: f; f")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := endless.First(ctx, jsonOf("{}")); !errs.Is(err, errs.Invalid) {
		t.Errorf("an endless filter: %v", err)
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add(basicOf("ann", "x"), "k", "ann", jsonOf(`{"identity":{"user":"ann"}}`), true)
	f.Add("Bearer "+newTokenText(), "", "", "", false)
	f.Add("", "\x00", "a\x00", "e30=", true)
	d := newFixture(f)
	i := d.identifier(f)
	i.Tokens = d.tokens(f, 0)
	f.Fuzz(func(t *testing.T, authorization, session, remote, identity string, trusted bool) {
		r := request{peer: stranger, cookies: map[string]string{SessionCookie: session}, header: map[string][]string{
			"Authorization": {authorization}, "Remote-User": {remote}, "X-Identity": {identity}}}
		if trusted {
			r.peer = proxy
		}
		user, err := i.Identify(t.Context(), r)
		switch kind := errs.KindOf(err); {
		case kind != "" && kind != errs.Unauthenticated:
			t.Fatalf("%v", err)
		case user != nil && (!trusted || !strings.HasSuffix(user.Via, " header")):
			t.Fatalf("%v by %s", user, user.Via)
		case user != nil && usernameFault(user.Username) != "":
			t.Fatalf("the user %q", user.Username)
		}
	})
}
