package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/errs"
)

// openPostgres opens one pool for reading and writing. gorm prepares nothing: pgx keeps prepared statements per
// connection, and doing it twice costs more than not at all.
func openPostgres(ctx context.Context, o Options) (*DB, error) {
	config, err := poolConfig(o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, errs.New(errs.Invalid, "prepare the connections to PostgreSQL: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, errs.New(errs.Unavailable, "PostgreSQL at %s:%d does not let us in, check that it runs and the user, password and database in the address: %w",
			config.ConnConfig.Host, config.ConnConfig.Port, err)
	}
	std := stdlib.OpenDBFromPool(pool)
	g, err := openGorm(postgresDialector{*postgres.New(postgres.Config{Conn: std}).(*postgres.Dialector)}, o.Log)
	if err != nil {
		pool.Close()
		return nil, errors.Join(Translate(err), std.Close())
	}
	return &DB{dialect: Postgres, reader: g, writer: g, pool: pool, close: []func() error{closer(g), func() error { pool.Close(); return nil }}}, nil
}

func poolConfig(o Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errs.New(errs.Invalid, "the database address cannot be read, write it as postgres://user@host:port/name: %w", err)
	}
	config.MaxConns = 20
	if o.MaxConnections > 0 {
		config.MaxConns = int32(max(o.MaxConnections, 4))
	}
	params := config.ConnConfig.RuntimeParams
	params["timezone"] = "UTC"
	if params["application_name"] == "" {
		params["application_name"] = "packhouse"
	}
	config.AfterConnect = prepare
	return config, nil
}

// prepare makes a new connection ours.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	timesInUTC(conn)
	return endWithUs(ctx, conn)
}

// endWithUs has the server look now and then whether we are still there, and end our statement when we are not. Whoever
// cancels a statement closes the connection; the word to the server that goes before may come too early, while the
// statement is still on its way. PostgreSQL has that from version 14 on, and not on all platforms.
func endWithUs(ctx context.Context, conn *pgx.Conn) error {
	version, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), ".")
	if n, err := strconv.Atoi(version); err == nil && n < 14 {
		return nil
	}
	_, err := conn.PgConn().Exec(ctx, "SET client_connection_check_interval = '2s'").ReadAll()
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && slices.Contains([]string{invalidParameter, unknownParameter}, e.Code) {
		return nil
	}
	return err
}

// What a server says whose platform cannot tell whether a client is there, and one that does not know the setting.
const (
	invalidParameter = "22023"
	unknownParameter = "42704"
)

// timesInUTC makes the driver give times in UTC; by default it uses the zone of this host.
func timesInUTC(conn *pgx.Conn) {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
}

// postgresDialector is gorm's dialect with our reading of errors.
type postgresDialector struct{ postgres.Dialector }

// Translate gives the error a kind.
func (postgresDialector) Translate(err error) error { return Translate(err) }

// closePgx ends a connection instead of giving it back to the pool, and whatever its session held with it.
func closePgx(ctx context.Context, driverConn any) error {
	conn, ok := driverConn.(*stdlib.Conn)
	if !ok {
		return fmt.Errorf("the connection is a %T", driverConn)
	}
	return conn.Conn().Close(ctx)
}

var _ gorm.ErrorTranslator = postgresDialector{}
