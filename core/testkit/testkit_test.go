package testkit

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func TestPostgresGivesAFreshDatabaseAndDropsIt(t *testing.T) {
	t.Parallel()
	var first string
	t.Run("use", func(t *testing.T) {
		first = Postgres(t)
		second := Postgres(t)
		if first == second {
			t.Fatal("two calls gave one database")
		}
		// Left open on purpose: the drop must not wait for it.
		connection, err := pgx.Connect(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := connection.Exec(t.Context(), "CREATE TABLE probe (id int)"); err != nil {
			t.Error(err)
		}
		other, err := pgx.Connect(t.Context(), second)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close(t.Context())
		if _, err := other.Exec(t.Context(), "SELECT FROM probe"); err == nil {
			t.Error("one database sees the table of the other")
		}
	})
	if connection, err := pgx.Connect(t.Context(), first); err == nil {
		t.Error("the database outlived its test")
		_ = connection.Close(t.Context())
	}
}

func TestRedisGivesAnEmptyDatabaseAndEmptiesIt(t *testing.T) {
	t.Parallel()
	var address string
	t.Run("use", func(t *testing.T) {
		address = Redis(t)
		if other := Redis(t); other == address {
			t.Fatal("two calls gave one database")
		}
		c := client(t, address)
		if n, err := c.DBSize(t.Context()).Result(); err != nil || n != 0 {
			t.Fatalf("a fresh database has %d keys, %v", n, err)
		}
		if err := c.Set(t.Context(), "probe", "value", 0).Err(); err != nil {
			t.Fatal(err)
		}
	})
	if n, err := client(t, address).DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("%d keys outlived their test, %v", n, err)
	}
}

func TestDatabaseOfNeverGivesTheCountersDatabase(t *testing.T) {
	t.Parallel()
	for count, want := range map[int64]int64{1: 1, 2: 2, 9999: 9999, 10000: 1, 19998: 9999, 19999: 1} {
		if got := databaseOf(count); got != want {
			t.Errorf("count %d gave database %d, want %d", count, got, want)
		}
	}
}

func TestS3NamesAServerThatAnswers(t *testing.T) {
	t.Parallel()
	endpoint, access, secret, bucket := S3(t)
	if _, _, _, other := S3(t); other == bucket || access == "" || secret == "" {
		t.Errorf("buckets %q and %q, access %q", bucket, other, access)
	}
	answer, err := http.Get(endpoint + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("without keys the gateway answered %s, want a refusal", answer.Status)
	}
}

func TestAMissingServerFailsTheTest(t *testing.T) {
	for name, ask := range map[string]func(testing.TB){
		PostgresVariable: func(t testing.TB) { Postgres(t) },
		RedisVariable:    func(t testing.TB) { Redis(t) },
		S3Variable:       func(t testing.TB) { S3(t) },
		PythonVariable:   func(t testing.TB) { Python(t) },
	} {
		t.Setenv(name, "")
		if said := fatal(t, ask); !strings.Contains(said, name) || !strings.Contains(said, "make test") {
			t.Errorf("without %s the test ended with %q", name, said)
		}
	}
}

// fatal runs ask with a test that only notes what it died of.
func fatal(t *testing.T, ask func(testing.TB)) string {
	dying := &dyingTest{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ask(dying)
	}()
	<-done
	return dying.said
}

// dyingTest is a test whose death does not fail the real one.
type dyingTest struct {
	testing.TB
	said string
}

func (d *dyingTest) Fatalf(format string, args ...any) {
	d.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func client(t *testing.T, address string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(options)
	t.Cleanup(func() { _ = c.Close() })
	return c
}
