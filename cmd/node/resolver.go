package node

import (
	"github.com/packhouse/packhouse/content"
	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/guard"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/serve"
)

// newResolver makes what finds content and asks its guards.
func (n *Node) newResolver(env *resource.Env, mounted app.Mounted) *serve.Resolver {
	return serve.New(serve.Options{
		DB: n.db, Kinds: mounted.Served, HideGuarded: n.settings().HideGuardedDistributions,
		Guards: mounted.Guards, Holder: env.Decider.Downloads(), Key: n.signingKey(),
	})
}

// newFinder makes what the content server asks: the resolver, and what remembers its answers unless the settings say not to.
func (n *Node) newFinder(env *resource.Env, mounted app.Mounted) content.Finder {
	resolver := n.newResolver(env, mounted)
	if n.settings().ContentMemory == 0 {
		return resolver
	}
	return serve.NewMemory(resolver, int64(n.settings().ContentMemory)<<20/2, n.db.Commits)
}

// signingKey is the key of signed addresses. A process that has none serves everything else: what only such an address
// opens stays closed.
func (n *Node) signingKey() []byte {
	secret, err := config.EnsureSecretKey(n.settings())
	if err == nil {
		var key []byte
		if key, err = guard.SigningKey(secret.Reveal()); err == nil {
			return key
		}
	}
	n.o.Log.Warn("signed addresses can neither be made nor checked, so what they open stays closed; set secret_key", "error", err)
	return nil
}
