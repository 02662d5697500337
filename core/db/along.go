package db

import (
	"context"
	"sync"
)

// companion is work that joins the first transaction of a context that commits.
type companion struct {
	work func(tx *Tx) error

	mu sync.Mutex
	// taken is true while a transaction has the work, and for good once that is committed.
	taken bool
}

type companionKey struct{}

// Along gives a context whose first transaction that is committed runs work too, right before the commit: either both
// are there afterwards or neither. An error of work undoes the transaction. When a transaction is run again, or is
// undone and another one follows, work runs again. Of transactions that run at the same time, one has it.
func Along(ctx context.Context, work func(tx *Tx) error) context.Context {
	return context.WithValue(ctx, companionKey{}, &companion{work: work})
}

// Alone gives a context whose transactions have no companion, for work that goes its own way.
func Alone(ctx context.Context) context.Context {
	return context.WithValue(ctx, companionKey{}, (*companion)(nil))
}

type conditionKey struct{}

// AlongIf gives a context whose transactions leave the companion to a later one unless wanted says otherwise, which is
// asked right before the commit: for a transaction that finds out by itself whether there is anything to change.
func AlongIf(ctx context.Context, wanted func(tx *Tx) bool) context.Context {
	return context.WithValue(ctx, conditionKey{}, wanted)
}

// join runs the companion of ctx, if it is free. settle must be called with what became of the transaction.
func join(ctx context.Context, tx *Tx) (settle func(committed bool), err error) {
	c, _ := ctx.Value(companionKey{}).(*companion)
	wanted, conditional := ctx.Value(conditionKey{}).(func(tx *Tx) bool)
	if c == nil || conditional && !wanted(tx) || !c.take() {
		return func(bool) {}, nil
	}
	tx.aside = false // nobody knows what the companion changes
	return c.settle, c.work(tx)
}

func (c *companion) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken {
		return false
	}
	c.taken = true
	return true
}

func (c *companion) settle(committed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = committed
}
