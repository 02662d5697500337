// Package domain knows the storages of domains: how a user describes one, where it may be, how its description is kept
// (what is no secret as JSON, the secrets sealed), and how it is opened.
package domain

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/model"
)

// DefaultName is the name of the domain that is always there.
const DefaultName = "default"

// Named finds a domain by the name in a path. A name that no domain has is errs.NotFound.
func Named(ctx context.Context, d *db.DB, name string) (*model.Domain, error) {
	var rows []model.Domain
	if err := d.Read(ctx).Where("name = ?", name).Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("look for the domain of the path: %w", err)
	}
	if len(rows) == 0 {
		return nil, errs.New(errs.NotFound, "Not found.")
	}
	return &rows[0], nil
}

// NameOf gives the name of a domain by its identity. One that is gone is errs.NotFound.
func NameOf(tx *gorm.DB, id string) (string, error) {
	if id == "" || id == ident.DefaultDomain {
		return DefaultName, nil
	}
	var names []string
	if err := tx.Table("core_domains").Where("id = ?", id).Limit(1).Pluck("name", &names).Error; err != nil {
		return "", fmt.Errorf("look for the name of a domain: %w", err)
	}
	if len(names) == 0 {
		return "", errs.New(errs.NotFound, "the domain does not exist any more")
	}
	return names[0], nil
}

// CheckName tells what is wrong with the name of a domain: it stands in paths, as a slug.
func CheckName(name string) error {
	if len(name) > maxName {
		return errs.New(errs.Invalid, "Ensure this field has no more than %d characters.", maxName)
	}
	for _, r := range name {
		plain := r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !plain {
			return errs.New(errs.Invalid, "Enter a valid \"slug\" consisting of letters, numbers, underscores or hyphens.")
		}
	}
	if name == "" || name == "api" || name == "content" {
		return errs.New(errs.Invalid, "%q is reserved for paths of this server; choose another name.", name)
	}
	return nil
}

// maxName is the longest name of a domain, in characters.
const maxName = 50
