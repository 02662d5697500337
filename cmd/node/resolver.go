package node

import (
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
