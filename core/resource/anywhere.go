package resource

import (
	"context"
	"net/url"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// ResolveAnywhere follows an href or PRN to an object of any domain, for a superuser who says what others may do: what may
// be seen is not asked. The object must be there.
func (e *Env) ResolveAnywhere(ctx context.Context, text string, targets ...Target) (Object, error) {
	return e.Registry.Resolve(ctx, e.DB.Read(ctx), e.Names.of(text), nil, "", text, targets...)
}

// LocateAnywhere is Filtering.Locate for objects of any domain.
func LocateAnywhere(f *Filtering, value string) (Object, error) {
	o, err := f.Registry.locate(f.Context, f.DB, f.Names.of(value), value)
	if err != nil {
		return Object{}, errs.Messages("%s", err)
	}
	return o, nil
}

// of gives the names as the domain sees them that an href leads into.
func (n Names) of(href string) Names {
	if u, err := url.Parse(href); n.Domains && err == nil {
		if rest, ours := strings.CutPrefix(u.EscapedPath(), n.Root); ours {
			domain, _, _ := strings.Cut(rest, "/")
			return n.In(domain)
		}
	}
	return n
}
