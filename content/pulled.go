package content

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/packhouse/packhouse/content/fetch"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/serve"
)

// pulled answers with what a distribution has to ask its upstream for. A file that was kept is served when the upstream says
// that it is the same, and when the upstream says nothing; HEAD downloads nothing.
func (x *exchange) pulled(ctx context.Context, result serve.Result) error {
	p, d := result.Pull, result.Distribution
	result.Pull = nil
	if p.Kept != nil {
		return x.refreshed(ctx, result, p)
	}
	if x.Fetcher == nil {
		return errs.New(errs.NotFound, "this file is not here, and this server asks no upstream")
	}
	if x.method == fiber.MethodHead {
		return x.probed(result, p)
	}
	result.Found = &serve.Found{Missing: &serve.Missing{RelativePath: p.Path}, Path: p.Path, AddedAt: model.Now()}
	return x.follow(result, func(present context.Context) (*fetch.Download, error) { return x.Fetcher.Pull(present, d, p) })
}

// refreshed answers with the newest that there is, or with what was kept.
func (x *exchange) refreshed(ctx context.Context, result serve.Result, p *serve.Pull) error {
	result.Found = p.Kept
	if x.Fetcher != nil && x.method != fiber.MethodHead {
		present, leave := x.present()
		result.Found = x.Fetcher.Refresh(present, result.Distribution, p)
		leave()
	}
	if x.Downloaded != nil {
		x.unit = result.Found.ContentID
	}
	return x.respond(ctx, result)
}

// probed answers a HEAD with what the upstream tells.
func (x *exchange) probed(result serve.Result, p *serve.Pull) error {
	present, leave := x.present()
	defer leave()
	size, sha256, err := x.Fetcher.Probe(present, result.Distribution, p)
	if err != nil {
		return x.unlessGone(present, err)
	}
	x.how, x.status = byUpstream, fiber.StatusOK
	v := validators{}
	if sha256 != "" {
		v.etag = tagOf(sha256)
	}
	if size < 0 {
		x.c.Status(x.status)
		x.validate(v)
		x.c.Response().Header.SetContentType(mediaType(p.Path))
		x.c.Response().Header.SetContentLength(-1) // nobody knows it
		return nil
	}
	x.describe(size, v, mediaType(p.Path))
	x.c.Response().Header.SetContentLength(int(size))
	return nil
}
