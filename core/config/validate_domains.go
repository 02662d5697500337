package config

import (
	"path/filepath"
	"strings"
)

// checkDomains keeps the storages of domains apart from that of the installation, whose clean-up would take their bytes
// for leftovers, and the names of domains apart from the content server.
func (s Settings) checkDomains(c *checker) {
	for _, path := range s.AllowedStoragePaths {
		if s.Storage.Backend == "s3" || s.Storage.Location == "" {
			continue
		}
		c.must(!within(path, s.Storage.Location) && !within(s.Storage.Location, path), "allowed_storage_paths", "%q and storage.location must not lie inside of each other", path)
	}
	if !s.DomainEnabled {
		return
	}
	below, inside := strings.CutPrefix(s.ContentPathPrefix, s.APIRoot)
	first, _, _ := strings.Cut(below, "/")
	c.must(!inside || first == "content" || first == "api", "content_path_prefix", "below %s only content/ is no name of a domain; use %scontent/ or a path elsewhere", s.APIRoot, s.APIRoot)
}

func within(path, root string) bool {
	path, root = filepath.Clean(path), filepath.Clean(root)
	return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/")
}
