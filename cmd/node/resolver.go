package node

import (
	"time"

	"github.com/packhouse/packhouse/content"
	"github.com/packhouse/packhouse/content/answers"
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
		Grace: time.Duration(n.settings().DistributedPublicationRetentionPeriod) * time.Second,
		Pull:  pullTimes(n.settings()),
	})
}

// newFinder makes what the content server asks: the resolver, and what remembers its answers unless the settings say not to.
func (n *Node) newFinder(env *resource.Env, mounted app.Mounted) (content.Finder, error) {
	resolver, s := n.newResolver(env, mounted), n.settings()
	if !remembers(s) {
		return resolver, nil
	}
	memory := serve.NewMemory(resolver, int64(s.ContentMemory)<<20, n.db.Commits).Count(n.observer.metrics.Content.Answered)
	if !s.CacheEnabled {
		return memory, nil
	}
	return memory, n.share(memory)
}

// remembers tells whether the content server remembers answers, here or in Redis.
func remembers(s config.Settings) bool { return s.ContentMemory > 0 || s.CacheEnabled }

// share has answers shared through Redis. Without the key that all processes have in common, nothing is.
func (n *Node) share(memory *serve.Memory) error {
	secret, err := config.EnsureSecretKey(n.settings())
	if err != nil {
		n.o.Log.Warn("answers of the content server are not shared with other processes; set secret_key", "error", err)
		return nil
	}
	key, err := answers.Key(secret.Reveal())
	if err != nil {
		return err
	}
	store, err := answers.New(answers.Options{URL: n.settings().RedisURL.Reveal(), Log: n.o.Log})
	if err != nil {
		return err
	}
	n.later(store.Close)
	memory.Share(serve.Sharing{Store: store, Key: key, Life: n.settings().Cache.Life()})
	return nil
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
