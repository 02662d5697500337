package config

import "time"

// longestCached is how long a shared answer counts at the most, in seconds.
const longestCached = 30 * 86400

func (s Settings) checkCache(c *checker) {
	c.must(!s.CacheEnabled || !s.RedisURL.Empty(), "cache_enabled", "needs redis_url, through which processes share answers")
	ttl := s.Cache.ExpiresTTL
	c.must(ttl == nil || 1 <= *ttl && *ttl <= longestCached, "cache_settings.expires_ttl", "must lie between 1 and %d, or be null; cache_enabled false turns sharing off", longestCached)
}

// Life is how long a shared answer counts.
func (c Cache) Life() time.Duration {
	if c.ExpiresTTL == nil {
		return 24 * time.Hour
	}
	return time.Duration(*c.ExpiresTTL) * time.Second
}
