package auth

import "context"

type userKey struct{}

// WithUser gives a context that carries the user who asks; nil stands for an anonymous one.
func WithUser(ctx context.Context, user *User) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// UserFrom gives the user who asks, nil when it is anonymous or nobody said.
func UserFrom(ctx context.Context) *User {
	user, _ := ctx.Value(userKey{}).(*User)
	return user
}
