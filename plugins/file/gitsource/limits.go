package gitsource

// limits bound what an upstream can make us hold; what is on disk is not bounded.
type limits struct {
	// refs is in bytes, of the list of refs: half a million or so.
	refs int64
	// objects is how many a pack may hold, deltas how large (in bytes) one may get that is stored as a difference.
	objects, delta int64
	// tree and commit are in bytes, of one object.
	tree, commit int64
	// entries is how many files and folders a tree may have in all, depth how many folders are inside one another.
	entries, depth int
}

func bounds() limits {
	return limits{
		refs: 32 << 20, objects: 2 << 20, delta: 512 << 20, tree: 64 << 20, commit: 1 << 20,
		entries: 1 << 20, depth: 256,
	}
}
