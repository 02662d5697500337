package content

import "github.com/packhouse/packhouse/core/errs"

// largeAtOnce is how many large listings are made at once: a few hundred thousand names take hundreds of MiB for a moment,
// and anybody may ask for them again and again.
const largeAtOnce = 4

// beLarge takes one of the places for large listings, for the rest of the exchange.
func (x *exchange) beLarge() error {
	if x.large {
		return nil
	}
	select {
	case x.larges <- struct{}{}:
		x.large = true
		return nil
	default:
		return errs.New(errs.Unavailable, "several very large folders are being listed at the moment; try again in a few seconds")
	}
}

// notLarge gives the place back.
func (x *exchange) notLarge() {
	if x.large {
		<-x.larges
		x.large = false
	}
}
