package gitsource

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packhouse/packhouse/core/errs"
)

// refs is what a repository says it has.
type refs struct {
	// named has full names; peeled has what the annotated tags among them stand for.
	named, peeled map[string]plumbing.Hash
	head          plumbing.Hash
}

// target is what a ref names: an object, which is to be asked for if it is known to be there, or digits of a hash.
type target struct {
	object     plumbing.Hash
	advertised bool
	digits     string
}

// resolve finds what a ref names.
func (r refs) resolve(ref string) (target, error) {
	switch {
	case len(r.named) == 0 && r.head.IsZero():
		return target{}, errs.New(errs.NotFound, "the repository is empty; push a commit to it first")
	case ref == "HEAD" && !r.head.IsZero():
		return target{object: r.head, advertised: true}, nil
	case ref == "HEAD":
		return target{}, errs.New(errs.NotFound, "HEAD of the repository names a branch that does not exist; set git_ref to one of %s", r.list(r.names()))
	case len(ref) == 40 && hexadecimal(ref):
		return r.hash(plumbing.NewHash(ref)), nil
	}
	for _, prefix := range []string{"", "refs/", "refs/heads/", "refs/tags/"} {
		if hash, ok := r.named[prefix+ref]; ok {
			return target{object: hash, advertised: true}, nil
		}
	}
	if len(ref) >= 4 && len(ref) < 40 && hexadecimal(ref) {
		return target{digits: strings.ToLower(ref)}, nil
	}
	return target{}, r.unknown(ref)
}

// hash is a target that is named by its full hash.
func (r refs) hash(hash plumbing.Hash) target {
	for _, named := range r.named {
		if named == hash {
			return target{object: hash, advertised: true}
		}
	}
	for tag, commit := range r.peeled {
		if commit == hash { // servers give away what they list, and that is the tag
			return target{object: r.named[tag], advertised: true}
		}
	}
	return target{object: hash, advertised: hash == r.head}
}

// everything is what to ask for to get all commits of branches and tags.
func (r refs) everything() []plumbing.Hash {
	found := map[plumbing.Hash]bool{}
	for name, hash := range r.named {
		if strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/") {
			found[hash] = true
		}
	}
	if !r.head.IsZero() {
		found[r.head] = true
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b plumbing.Hash) int { return slices.Compare(a[:], b[:]) })
}

func (r refs) unknown(ref string) error {
	names := r.names()
	near := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !similar(ref, name) })
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distance(ref, a), distance(ref, b)) })
	if len(near) > 0 {
		return errs.New(errs.NotFound, "the repository has no such branch, tag or commit; did you mean %s?", r.list(near))
	}
	return errs.New(errs.NotFound, "the repository has no such branch, tag or commit; it has %s", r.list(names))
}

// names gives the short names of branches and tags.
func (r refs) names() (names []string) {
	for name := range r.named {
		for _, prefix := range []string{"refs/heads/", "refs/tags/"} {
			if short, ok := strings.CutPrefix(name, prefix); ok {
				names = append(names, short)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// list shows the first few names.
func (refs) list(names []string) string {
	shown := names[:min(len(names), 5)]
	text := clean(strings.Join(shown, ", "))
	if len(names) > len(shown) {
		text += ", …"
	}
	return cmp.Or(text, "no branch and no tag")
}

// similar tells whether somebody who wrote a may have meant b.
func similar(a, b string) bool {
	if len(a) > 200 || len(b) > 200 {
		return false
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	shorter := min(len(a), len(b))
	return strings.Contains(a, b) || strings.Contains(b, a) || distance(a, b) <= max(min(2, shorter-1), shorter/3)
}

// distance counts the letters to add, drop or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func hexadecimal(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
