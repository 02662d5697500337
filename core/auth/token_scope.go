package auth

import (
	"regexp"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// Bounds of a scope, so that checking one stays cheap.
const maxScope = 200

// patternForm is a permission name of which each part may end in a star.
var patternForm = regexp.MustCompile(`^([a-z0-9_]+\*?|\*)\.([a-z0-9_]+\*?|\*)$`)

// Check finds what no scope can hold. Whether domains and objects exist is not looked at: what is not there opens nothing.
func (s *Scope) Check() error {
	if len(s.Permissions) == 0 {
		return errs.Field("permissions", "Name at least one permission, such as file.view_* or *.*.")
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"permissions", s.Permissions}, {"domains", s.Domains}, {"objects", s.Objects}} {
		if len(list.values) > maxScope {
			return errs.Field(list.name, "At most %d are possible; use patterns, or several tokens.", maxScope)
		}
	}
	for _, pattern := range s.Permissions {
		if !patternForm.MatchString(pattern) {
			return errs.Field("permissions", "%q is not a permission; write it like file.view_filerepository, file.view_* or *.*.", pattern)
		}
	}
	for _, object := range s.Objects {
		if !strings.HasPrefix(object, "prn:") || textFault(object, 500) != "" {
			return errs.Field("objects", "%q is not a PRN; write it like prn:file.filerepository:<id>.", object)
		}
	}
	return nil
}

// Covers tells whether everything that other allows is allowed by s too. It compares the patterns themselves, so it can
// say no where several patterns together would cover one, and never yes where they do not.
func (s *Scope) Covers(other *Scope) bool {
	switch {
	case s == nil:
		return true
	case other == nil:
		return false
	}
	for _, want := range other.Permissions {
		if !slices.ContainsFunc(s.Permissions, func(have string) bool { return patternCovers(have, want) }) {
			return false
		}
	}
	return subset(s.Domains, other.Domains) && subset(s.Objects, other.Objects)
}

func patternCovers(have, want string) bool {
	haveApp, haveCode, one := strings.Cut(have, ".")
	wantApp, wantCode, two := strings.Cut(want, ".")
	return one && two && partCovers(haveApp, wantApp) && partCovers(haveCode, wantCode)
}

// partCovers compares two parts of patterns: what begins with a longer text also begins with a shorter one.
func partCovers(have, want string) bool {
	if start, open := strings.CutSuffix(have, "*"); open {
		return strings.HasPrefix(strings.TrimSuffix(want, "*"), start)
	}
	return have == want
}

// subset compares limits, of which none means no limit.
func subset(have, want []string) bool {
	if len(have) == 0 {
		return true
	}
	return len(want) > 0 && !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}
