package content

import (
	"context"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
)

// enter finds the domain that the path begins with, where there are domains. A name is taken as it is written: no other
// way to write it leads anywhere.
func (x *exchange) enter(ctx context.Context) error {
	x.prefix = x.Prefix
	if x.FindDomain == nil {
		return nil
	}
	rest, ok := strings.CutPrefix(x.path, x.Prefix)
	name, _, _ := strings.Cut(rest, "/")
	if !ok || name == "" {
		return noSuchPath()
	}
	found, err := x.FindDomain(ctx, name)
	if errs.Is(err, errs.NotFound) {
		return noSuchPath()
	}
	if err != nil {
		return err
	}
	x.domain, x.prefix = found, x.Prefix+found.Name+"/"
	return nil
}

func (x *exchange) domainID() string {
	if x.domain == nil {
		return ident.DefaultDomain
	}
	return x.domain.ID
}

// redirects tells whether clients are sent to the object storage. Of the default domain the settings decide.
func (x *exchange) redirects() bool {
	if x.domain == nil || x.domain.ID == ident.DefaultDomain {
		return x.RedirectToObjectStorage
	}
	return x.domain.RedirectToObjectStorage
}
