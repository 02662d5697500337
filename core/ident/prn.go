package ident

import (
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// PRN makes the name of an object that survives a moved API root: prn:<app>.<model>:<pk>.
func PRN(model, id string) string { return "prn:" + model + ":" + id }

// ParsePRN takes a PRN apart into model label and primary key.
func ParsePRN(text string) (model, id string, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 || parts[0] != "prn" || !strings.Contains(parts[1], ".") || parts[2] == "" {
		return "", "", errs.New(errs.Invalid, "%q is no PRN; one looks like prn:file.filerepository:<uuid>", text)
	}
	return parts[1], parts[2], nil
}
