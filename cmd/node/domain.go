package node

import (
	"context"
	"path/filepath"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/domain"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
	"github.com/packhouse/packhouse/core/storage"
)

// openDomains lets the store find the storages of domains. With domains switched off those that were made earlier keep
// theirs.
func (n *Node) openDomains(env *resource.Env) {
	s := n.settings()
	env.Storages = &domain.Opener{
		Box: n.box, Roots: storageRoots(s), SpoolDir: s.WorkingDirectory, Egress: remote.NewDialer(s.Egress.Allow), Default: defaultPlace(s),
	}
	env.Artifacts.Domains = &artifact.Domains{DB: n.db, Open: env.Storages.Open}
	n.later(env.Artifacts.Domains.Close)
	n.store = env.Artifacts
}

// storageRoots are the folders that storages of domains may be in.
func storageRoots(s config.Settings) []string {
	if len(s.AllowedStoragePaths) == 0 {
		return []string{filepath.Join(s.DataDir, "domains")}
	}
	return s.AllowedStoragePaths
}

// defaultPlace is where the bytes of the default domain are.
func defaultPlace(s config.Settings) domain.Place {
	if s.Storage.Backend != "s3" {
		return domain.Place{Class: domain.FileSystem, Location: s.Storage.Location}
	}
	return domain.Place{Class: domain.S3Boto3, Endpoint: s.Storage.S3.Endpoint, Bucket: s.Storage.S3.Bucket, Location: s.Storage.S3.Prefix}
}

// findDomain looks for the domain of a path; nil where paths have none.
func (n *Node) findDomain() func(ctx context.Context, name string) (*model.Domain, error) {
	if !n.settings().DomainEnabled {
		return nil
	}
	return func(ctx context.Context, name string) (*model.Domain, error) { return domain.Named(ctx, n.db, name) }
}

// findDomainAgain is findDomain for the content server, which remembers.
func (n *Node) findDomainAgain() func(ctx context.Context, name string) (*model.Domain, error) {
	if !n.settings().DomainEnabled || !remembers(n.settings()) {
		return n.findDomain()
	}
	return serve.NewDomains(n.db, n.db.Commits).Named
}

// storageOf is the storage of a domain, nil being the default one.
func (n *Node) storageOf(row *model.Domain) (storage.Storage, error) {
	if row == nil {
		return n.blobs, nil
	}
	store, err := n.store.Of(row)
	if err != nil {
		return nil, err
	}
	return store.Storage, nil
}
