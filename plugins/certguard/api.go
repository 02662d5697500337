package certguard

import (
	"context"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/noun"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
)

// Guard trusts client certificates of its authorities.
type Guard struct {
	model.ContentGuard
	// CACertificate are the authorities, one or more PEM blocks.
	CACertificate string
}

// X509Guards let clients through that show a certificate of one of the authorities.
var X509Guards = guards(noun.Kind{
	Path: "contentguards/certguard/x509", Type: "certguard.x509", Component: "certguard.X509CertGuard", Table: "certguard_x509_guards",
	Doc: "Lets clients through that show a certificate of an authority.",
}, func(_ context.Context, v *serve.Visit, g *Guard) error {
	_, err := trusted(v, g.CACertificate, time.Now())
	return err
})

// RHSMGuards let clients through whose entitlement certificate names the path.
var RHSMGuards = guards(noun.Kind{
	Path: "contentguards/certguard/rhsm", Type: "certguard.rhsm", Component: "certguard.RHSMCertGuard", Table: "certguard_rhsm_guards",
	Doc: "Lets clients through whose entitlement certificate names the path.",
}, func(_ context.Context, v *serve.Visit, g *Guard) error {
	certificate, err := trusted(v, g.CACertificate, time.Now())
	if err != nil {
		return err
	}
	return entitled(certificate, v.Path)
})

func guards(kind noun.Kind, permit func(context.Context, *serve.Visit, *Guard) error) noun.GuardKind[Guard] {
	return noun.GuardKind[Guard]{
		Kind: kind, Row: func(g *Guard) *model.ContentGuard { return &g.ContentGuard },
		Fields: []resource.Field[Guard]{
			resource.Text("ca_certificate", func(g *Guard) *string { return &g.CACertificate }).Required().Check(checkAuthorities).
				Doc("The PEM certificates of the authorities whose client certificates are trusted."),
		},
		Permit: permit,
	}
}

// checkAuthorities keeps the certificates of a text, and nothing else of it.
func checkAuthorities(g *Guard) error {
	kept, err := noun.Certificates(g.CACertificate)
	if err == nil {
		g.CACertificate = kept
	}
	return err
}

func refused(format string, args ...any) error { return errs.New(errs.Forbidden, format, args...) }
