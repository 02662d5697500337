package testkit

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	// redisDatabases is the number of databases that the server was started with.
	redisDatabases = 10000
	// redisCounter is the key in database 0 that hands out the others.
	redisCounter = "testkit:databases"
)

// Redis gives the URL of an empty Redis database that no other running test uses; it is emptied when the test ends.
// Channels of publish and subscribe are shared by all databases of a server: a test that publishes has to use names
// of its own.
func Redis(t testing.TB) string {
	t.Helper()
	address := variable(t, RedisVariable)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("%s is no URL: %v", RedisVariable, err)
	}
	var number int64
	withRedis(t, address, func(c *redis.Client) error {
		ctx, cancel := bounded()
		defer cancel()
		number, err = c.Incr(ctx, redisCounter).Result()
		return err
	})
	u.Path = "/" + strconv.FormatInt(databaseOf(number), 10)
	empty := func() {
		withRedis(t, u.String(), func(c *redis.Client) error {
			ctx, cancel := bounded()
			defer cancel()
			return c.FlushDB(ctx).Err()
		})
	}
	empty()
	t.Cleanup(empty)
	return u.String()
}

// databaseOf turns the counter, which starts at 1, into a database number; database 0 is the counter's own. After a
// full round the first numbers come back, long emptied by then.
func databaseOf(count int64) int64 { return 1 + (count-1)%(redisDatabases-1) }

// withRedis does one thing on a connection of its own.
func withRedis(t testing.TB, address string, do func(*redis.Client) error) {
	t.Helper()
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatalf("read the Redis URL: %v", err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	if err := do(client); err != nil {
		t.Fatalf("ask the Redis of the tests: %v", err)
	}
}
