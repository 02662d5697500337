package cli

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// lifetime is the value of a flag: a time from now on, such as 30d, 12h or 1d12h.
type lifetime time.Duration

var errLifetime = errors.New("give a time such as 30d, 12h or 1d12h")

// Set reads the text.
func (l *lifetime) Set(text string) error {
	var all time.Duration
	if count, rest, found := strings.Cut(text, "d"); found {
		days, err := strconv.ParseUint(count, 10, 32)
		if err != nil || days > uint64(math.MaxInt64/(24*time.Hour)) {
			return errLifetime
		}
		all, text = time.Duration(days)*24*time.Hour, rest
	}
	if text != "" {
		more, err := time.ParseDuration(text)
		if err != nil || more < 0 || more > math.MaxInt64-all {
			return errLifetime
		}
		all += more
	}
	if all <= 0 {
		return errLifetime
	}
	*l = lifetime(all)
	return nil
}

// String is the time as text, empty for none.
func (l *lifetime) String() string {
	if *l == 0 {
		return ""
	}
	return time.Duration(*l).String()
}

// Type names the value.
func (*lifetime) Type() string { return "lifetime" }

var _ pflag.Value = (*lifetime)(nil)
