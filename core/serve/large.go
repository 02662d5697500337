package serve

import "context"

// Large is from how many names on a listing is a large one: it takes some hundred bytes of memory for each of them.
const Large = 10_000

type largeKey struct{}

// WithLarge has a look-up ask once before it reads a listing any further that turns out to be large. An error is the outcome
// of the look-up then.
func WithLarge(ctx context.Context, ask func() error) context.Context {
	return context.WithValue(ctx, largeKey{}, ask)
}

func mayBeLarge(ctx context.Context) error {
	if ask, ok := ctx.Value(largeKey{}).(func() error); ok {
		return ask()
	}
	return nil
}
