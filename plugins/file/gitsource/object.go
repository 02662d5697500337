package gitsource

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packhouse/packhouse/core/errs"
)

// commit finds the commit that a target stands for, and the tree of it.
func (r *repository) commit(want target, l limits) (commit, tree plumbing.Hash, err error) {
	hash := want.object
	if want.digits != "" {
		if hash, err = r.abbreviated(want.digits); err != nil {
			return commit, tree, err
		}
	}
	for range 16 { // a tag may stand for a tag
		data, kind, err := r.read(plumbing.AnyObject, hash, l.commit)
		if err != nil && !want.advertised {
			return commit, tree, errs.New(errs.NotFound, "no branch and no tag leads to a commit %s; is it pushed? %w", hash, err)
		}
		if err != nil {
			return commit, tree, err
		}
		switch kind {
		case plumbing.CommitObject:
			tree, ok := named(data, "tree ")
			if !ok {
				return commit, tree, errs.New(errs.Invalid, "the commit %s is malformed; check the repository with git fsck", hash)
			}
			return hash, tree, nil
		case plumbing.TagObject:
			of, ok := named(data, "object ")
			if !ok {
				return commit, tree, errs.New(errs.Invalid, "the tag %s is malformed; check the repository with git fsck", hash)
			}
			hash, want.advertised = of, true // it came along with its tag
		default:
			return commit, tree, errs.New(errs.Invalid, "that is a %s, not a commit; name a branch, a tag or a commit", kind)
		}
	}
	return commit, tree, errs.New(errs.Invalid, "the tag stands for a tag for a tag, and so on; name a commit instead")
}

// named reads the hash in the first line of a commit or tag.
func named(data []byte, key string) (hash plumbing.Hash, ok bool) {
	line, _, found := bytes.Cut(data, []byte("\n"))
	digits, has := bytes.CutPrefix(line, []byte(key))
	if !found || !has || len(digits) != 2*len(hash) {
		return hash, false
	}
	_, err := hex.Decode(hash[:], digits)
	return hash, err == nil
}

// abbreviated finds the one commit whose hash starts with some digits.
func (r *repository) abbreviated(digits string) (found plumbing.Hash, err error) {
	prefix, err := hex.DecodeString(digits[:len(digits)&^1])
	if err != nil {
		return found, err
	}
	r.mu.Lock()
	hashes, err := r.objects.HashesWithPrefix(prefix)
	r.mu.Unlock()
	if err != nil {
		return found, errs.New(errs.Invalid, "the objects of the repository cannot be listed; check it with git fsck: %w", err)
	}
	commits := 0
	for _, hash := range hashes {
		if !strings.HasPrefix(hash.String(), digits) || !r.is(plumbing.CommitObject, hash) {
			continue
		}
		found = hash
		commits++
	}
	switch commits {
	case 0:
		return found, errs.New(errs.NotFound, "the repository has no such branch, tag or commit; check git_ref of the remote")
	case 1:
		return found, nil
	}
	return found, errs.New(errs.Invalid, "%d commits start with these digits; write more of them", commits)
}

func (r *repository) is(kind plumbing.ObjectType, hash plumbing.Hash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.objects.EncodedObject(kind, hash)
	return err == nil
}

// mode is the kind of an entry of a tree.
type mode uint32

// The modes that git writes, without the bits of a file's rights.
const (
	folder    mode = 0o040000
	file      mode = 0o100000
	link      mode = 0o120000
	submodule mode = 0o160000
	kinds     mode = 0o170000
)

// entry is an entry of a tree.
type entry struct {
	mode mode
	name string
	hash plumbing.Hash
}

var errTree = errors.New("malformed tree")

// parseTree reads a tree: entries of mode in octal digits, space, name, NUL and 20 bytes of hash. Names that could lead
// out of their folder, or come twice, are malformed.
func parseTree(data []byte) (entries []entry, err error) {
	seen := map[string]bool{}
	for len(data) > 0 {
		header, rest, found := bytes.Cut(data, []byte{0})
		digits, name, spaced := strings.Cut(string(header), " ")
		if !found || !spaced || len(rest) < 20 {
			return nil, errTree
		}
		bits, err := strconv.ParseUint(digits, 8, 32)
		if err != nil || name == "" || name == "." || name == ".." || strings.Contains(name, "/") || seen[name] {
			return nil, errTree
		}
		seen[name] = true
		e := entry{mode: mode(bits) & kinds, name: name}
		copy(e.hash[:], rest)
		entries = append(entries, e)
		data = rest[20:]
	}
	return entries, nil
}

// entries gives what is in a tree.
func (r *repository) entries(tree plumbing.Hash, l limits) ([]entry, error) {
	data, _, err := r.read(plumbing.TreeObject, tree, l.tree)
	if err != nil {
		return nil, err
	}
	entries, err := parseTree(data)
	if err != nil {
		return nil, damaged(tree, err)
	}
	return entries, nil
}
