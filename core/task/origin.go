package task

import "context"

// Origin says on whose behalf work is dispatched.
type Origin struct {
	// UserID is the user who asked for it; nil for work of the system.
	UserID *int64
	// Asker is the name of who asked for it, for people to read; empty where that is not known.
	Asker string
	// CID is the correlation id of the request.
	CID string
	// DomainID is the domain of the work; empty is the default domain.
	DomainID string
	// ParentID is the task that is running; empty outside tasks.
	ParentID string
	// Diagnostics are the names of what is to be recorded while the work runs, see Diagnostics.
	Diagnostics []string
}

type originKey struct{}

// WithOrigin gives a context whose dispatches have that origin.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom gives the origin of a context; the zero Origin is the system in the default domain.
func OriginFrom(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
