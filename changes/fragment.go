package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// heading is a word of a fragment's name and what it becomes in the changelog.
type heading struct{ word, title string }

// The audiences and kinds, in the order of the changelog.
var (
	audiences = []heading{{"rest-api", "REST API"}, {"plugin-api", "Plugin API"}, {"operators", "Operators"}}
	kinds     = []heading{{"removal", "Removals"}, {"feature", "Features"}, {"bugfix", "Bug fixes"}}
	slugs     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

// fragment is one sentence about one change.
type fragment struct {
	name           string // of the file
	audience, kind int    // places in the lists above
	sentence       string
}

// read gives the fragments of the folder in the order of the changelog, or every fault that they have.
func read(folder fs.FS) ([]fragment, error) {
	names, err := fs.Glob(folder, "*.md")
	if err != nil {
		return nil, fmt.Errorf("list the fragments: %w", err)
	}
	var fragments []fragment
	var faults []error
	for _, name := range names {
		if name == "README.md" {
			continue
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, fmt.Errorf("read the fragment %s: %w", name, err)
		}
		f, err := parse(name, string(text))
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path.Join("changes", name), err))
		}
		fragments = append(fragments, f)
	}
	slices.SortFunc(fragments, func(a, b fragment) int {
		return cmp.Or(cmp.Compare(a.audience, b.audience), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	return fragments, errors.Join(faults...)
}

// parse reads one fragment.
func parse(name, text string) (fragment, error) {
	parts := strings.Split(strings.TrimSuffix(name, ".md"), ".")
	if len(parts) != 3 || !slugs.MatchString(parts[0]) {
		return fragment{}, errors.New("name it <slug>.<kind>.<audience>.md, the slug in lower case with dashes")
	}
	f := fragment{name: name, kind: place(kinds, parts[1]), audience: place(audiences, parts[2]), sentence: strings.Join(strings.Fields(text), " ")}
	switch {
	case f.kind < 0:
		return f, fmt.Errorf("the kind %q is none of %s", parts[1], words(kinds))
	case f.audience < 0:
		return f, fmt.Errorf("the audience %q is none of %s", parts[2], words(audiences))
	case !strings.HasSuffix(f.sentence, ".") || strings.Contains(strings.TrimSpace(text), "\n\n"):
		return f, errors.New("write one sentence that ends in a full stop")
	}
	return f, nil
}

func place(list []heading, word string) int {
	return slices.IndexFunc(list, func(h heading) bool { return h.word == word })
}

func words(list []heading) string {
	var all []string
	for _, h := range list {
		all = append(all, h.word)
	}
	return strings.Join(all, ", ")
}
