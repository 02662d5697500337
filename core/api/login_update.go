package api

import (
	"github.com/packhouse/packhouse/core/auth"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
)

// ownAccount is what users may change of themselves.
type ownAccount struct {
	username, oldPassword, newPassword, firstName, lastName, email string
}

// loginUpdate is the operation by which users change their own names and password.
func (s *Server) loginUpdate() resource.Operation {
	text := resource.BlankText[ownAccount]
	body := resource.Accepts[ownAccount]{Component: "PatchedLogin", Fields: []resource.Field[ownAccount]{
		text("username", func(a *ownAccount) *string { return &a.username }),
		text("old_password", func(a *ownAccount) *string { return &a.oldPassword }).WriteOnly().Schema("format", "password"),
		text("new_password", func(a *ownAccount) *string { return &a.newPassword }).WriteOnly().Schema("format", "password"),
		text("first_name", func(a *ownAccount) *string { return &a.firstName }),
		text("last_name", func(a *ownAccount) *string { return &a.lastName }),
		text("email", func(a *ownAccount) *string { return &a.email }),
	}}
	op := resource.Standalone{
		ID: "login_update", Method: "PATCH", Route: "login/", Tag: "Login", Doc: "Change the own names and password.", Rule: auth.Authenticated, Body: body,
		Answers: map[int]resource.AnswerDoc{200: {Doc: "The account as it is now.", Schema: "LoginUpdateResponse"}},
		Handle: func(c *resource.Call) (*resource.Answer, error) {
			want, err := body.Read(c)
			if err != nil {
				return nil, err
			}
			return s.changeAccount(c, want)
		},
	}.Mount(s.Env)[0]
	op.Short = "" // as those of its neighbours
	op.Components["LoginUpdateResponse"] = resource.Schema{"type": "object", "properties": map[string]resource.Schema{
		"username": resource.String(), "first_name": resource.String(), "last_name": resource.String(), "email": resource.String()}}
	return op
}

// changeAccount answers with the account as it is then. A new password ends all sessions but the one in use, which gets a
// new key.
func (s *Server) changeAccount(c *resource.Call, want *ownAccount) (*resource.Answer, error) {
	if c.User.Scope != nil {
		return nil, errs.New(errs.Forbidden, "A token does not change the account of its user; log in with the password.")
	}
	err := s.Identity.Passwords.ChangeOwn(c.Context(), c.User, auth.OwnChange{
		Username: given(c, "username", want.username), FirstName: given(c, "first_name", want.firstName),
		LastName: given(c, "last_name", want.lastName), Email: given(c, "email", want.email),
		OldPassword: password(c, "old_password", want.oldPassword), NewPassword: password(c, "new_password", want.newPassword),
	})
	if err != nil {
		return nil, err
	}
	user, err := s.Identity.Users.User(c.Context(), c.User.ID)
	if err != nil {
		return nil, err
	}
	show := c.Show()
	show.Raw(`{"username":`)
	show.String(user.Username)
	show.Raw(`,"first_name":`)
	show.String(user.FirstName)
	show.Raw(`,"last_name":`)
	show.String(user.LastName)
	show.Raw(`,"email":`)
	show.String(user.Email)
	show.Raw("}")
	answer := &resource.Answer{Status: 200, JSON: show.Bytes()}
	if password(c, "new_password", "") != nil && c.User.Via == "session" {
		c.User = user
		answer.Cookies, err = s.beginSession(c)
	}
	return answer, err
}

// given is a member of the body, nil when it was left out.
func given(c *resource.Call, member, value string) *string {
	if _, there := c.Body.Values[member]; !there {
		return nil
	}
	return &value
}

// password is given for what must not lose the spaces at its ends.
func password(c *resource.Call, member, value string) *string {
	if exact, ok := c.Body.Values[member].(string); ok {
		return &exact
	}
	return given(c, member, value)
}
