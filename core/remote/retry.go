package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/packhouse/packhouse/core/obs"
)

const (
	backoffBase = 500 * time.Millisecond
	backoffCap  = 30 * time.Second
	// retryAfterCap bounds what an upstream may ask for.
	retryAfterCap = 120 * time.Second
)

// retrying does the work until it succeeds, fails for good, or has been tried often enough.
func (c *Client) retrying(ctx context.Context, address string, work func() error) error {
	var mismatches int
	for tries := 0; ; tries++ {
		err := work()
		if err == nil {
			return nil
		}
		f, ok := errors.AsType[*fault](err)
		if !ok || f.again == never || tries >= c.s.retries || f.again == once && mismatches > 0 {
			return tried(err, tries+1)
		}
		if f.again == once {
			mismatches++
		}
		wait := f.wait
		if wait == 0 {
			wait = backoff(tries)
		}
		obs.LogFrom(ctx, c.log).LogAttrs(ctx, slog.LevelInfo, "a download failed and is tried again",
			slog.String("url", Clean(address)), slog.Int("try", tries+1), slog.Duration("wait", wait), slog.Any("error", err))
		if c.clock.Sleep(ctx, wait) != nil {
			return explain(ctx, address, err)
		}
	}
}

// tried adds how often it was tried, when that was more than once.
func tried(err error, times int) error {
	f, ok := errors.AsType[*fault](err)
	if !ok || times == 1 {
		return err
	}
	said, told := *f, *f.coded
	told.Msg = fmt.Sprintf("%s (tried %d times)", told.Msg, times)
	said.coded = &told
	return &said
}

// backoff doubles with each try; the upper half is random, so that those who failed together do not come back together.
func backoff(tries int) time.Duration {
	d := backoffCap
	if tries < 6 {
		d = min(d, backoffBase<<tries)
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // nobody gains by guessing it
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, section 10.2.3). It is 0 when there is none, or
// when it cannot be read or lies in the past, and never more than two minutes.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil { // more digits than fit
			return retryAfterCap
		}
		return min(time.Duration(n)*time.Second, retryAfterCap)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(now), retryAfterCap))
}
