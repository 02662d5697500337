package remote

import (
	"context"
	"io"
)

// Fetch gives the body of an answer to take, and tries again as a whole when the body breaks off, so take must begin
// anew each time. An error of take itself ends it.
func (c *Client) Fetch(ctx context.Context, url string, take func(body io.Reader) error) error {
	return c.retrying(ctx, url, func() error {
		open, err := c.attempt(ctx, "GET", url, nil, nil)
		if err != nil {
			return err
		}
		defer open.Body.Close()
		body := &measured{r: open.Body, want: Want{URL: url}}
		if err := take(body); body.err == nil {
			return err
		}
		return body.err
	})
}
