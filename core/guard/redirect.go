package guard

import (
	"context"

	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/serve"
)

// AddressGuard lets requests through whose address this installation signed.
type AddressGuard struct{ model.ContentGuard }

var byAddress = noun.GuardKind[AddressGuard]{
	Kind:      noun.Kind{Path: "contentguards/core/content_redirect", Type: "core.content_redirect", Component: "ContentRedirectContentGuard", Table: "core_redirect_guards", Doc: "Lets requests through whose address was signed here."},
	Row:       func(g *AddressGuard) *model.ContentGuard { return &g.ContentGuard },
	Shareable: true,
	Permit: func(_ context.Context, v *serve.Visit, _ *AddressGuard) error {
		return checkSigned(v.Key(), v.URLPath(), v.Query, model.Now())
	},
}
