package auth

import (
	"context"
	"errors"
	"testing"
)

// judgement is an authorizer that says the same to every download.
type judgement struct {
	ok  bool
	err error
}

func (o judgement) Allows(_ context.Context, _ View, q Question) (bool, string, error) {
	return o.ok || q.Action != "download", "", o.err
}

func TestAuthorizersAreAskedAboutDownloads(t *testing.T) {
	t.Parallel()
	admin, guard := &User{ID: 1, Username: "admin", IsActive: true, IsSuperuser: true, Mark: 1}, Object{Model: "core.rbaccontentguard", ID: "01890000-0000-7000-8000-000000000001"}
	for name, c := range map[string]struct {
		by   []judgement
		want bool
	}{
		"none":            {nil, true},
		"one agrees":      {[]judgement{{ok: true}}, true},
		"one does not":    {[]judgement{{ok: true}, {}}, false},
		"one cannot tell": {[]judgement{{ok: true, err: errors.New("down")}}, false},
	} {
		o := Options{}
		for _, by := range c.by {
			o.Authorizers = append(o.Authorizers, NamedAuthorizer{Name: name, Authorizer: by})
		}
		d, err := NewDecider(o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Downloads().Holds(t.Context(), admin, "core.download_rbaccontentguard", guard, "")
		if got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
