package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// What Open accepts.
const (
	minPostgres    = 130000   // server_version_num
	minMariaDB     = 10_06    // SKIP LOCKED
	minMySQL       = 8_00     // SKIP LOCKED, and expressions the statements use
	minPacketBytes = 16 << 20 // a chunk of 1 MiB, twice as long in hexadecimal, and room
	checkedConns   = 32       // connections a pool is asked for at most
)

// check looks at every connection that the pools may hold: one that is opened
// later gets the same DSN.
func (s *Store) check(ctx context.Context, path string, d *database, cfg Config, faults *engage.Faults) error {
	pools := []struct {
		name string
		db   *bun.DB
	}{{path + ".write", d.write}, {path + ".read", d.read}}
	if d.read == d.write {
		pools = pools[:1]
	}
	for _, pool := range pools {
		c := checker{path: pool.name, writer: pool.db == d.write, cfg: cfg, faults: faults}
		if err := c.pool(ctx, pool.db); err != nil {
			return err
		}
	}
	return nil
}

type checker struct {
	path   string
	writer bool
	cfg    Config
	faults *engage.Faults
}

func (c checker) pool(ctx context.Context, db *bun.DB) error {
	look := map[Dialect]func(context.Context, bun.Conn) error{
		SQLite: c.sqlite, PostgreSQL: c.postgres, MariaDB: c.mariadb,
	}[DialectOf(db)]
	conns := min(db.Stats().MaxOpenConnections, checkedConns)
	if conns == 0 {
		conns = 2 // no limit: there is no "every"
	}
	// All are held until the last was looked at, so that each is another one.
	var held []bun.Conn
	defer func() {
		for _, conn := range held {
			_ = conn.Close()
		}
	}()
	for range conns {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		held = append(held, conn)
		before := len(*c.faults)
		if err := look(ctx, conn); err != nil {
			return err
		}
		if len(*c.faults) > before {
			return nil // the others are set up alike; once is enough
		}
	}
	return nil
}

func (c checker) add(setting, code, format string, args ...any) {
	c.faults.Add(c.path+"."+setting, code, format, args...)
}

func one[T any](ctx context.Context, conn bun.Conn, query string) (T, error) {
	var value T
	err := conn.QueryRowContext(ctx, query).Scan(&value)
	return value, err
}

func (c checker) sqlite(ctx context.Context, conn bun.Conn) error {
	mode, err := one[string](ctx, conn, "PRAGMA journal_mode")
	if err != nil {
		return err
	}
	if mode != "wal" {
		c.add("journal_mode", "unsafe", "is %s, want wal: add _pragma=journal_mode(WAL)", mode)
	}
	pragmas := map[string]int{}
	for _, name := range []string{"synchronous", "foreign_keys", "busy_timeout"} {
		if pragmas[name], err = one[int](ctx, conn, "PRAGMA "+name); err != nil {
			return err
		}
	}
	if pragmas["synchronous"] < 2 && (!c.cfg.UnsafeNormalSync || pragmas["synchronous"] < 1) && c.writer {
		c.add("synchronous", "unsafe", "is %d, want FULL (2): add _pragma=synchronous(FULL), or set UnsafeNormalSync", pragmas["synchronous"])
	}
	if pragmas["foreign_keys"] != 1 && c.writer {
		c.add("foreign_keys", "unsafe", "are off: add _pragma=foreign_keys(1)")
	}
	if pragmas["busy_timeout"] < 1000 {
		c.add("busy_timeout", "too_low", "is %d ms, want 1000 or more: add _pragma=busy_timeout(5000)", pragmas["busy_timeout"])
	}
	if c.writer {
		return c.immediate(ctx, conn)
	}
	return nil
}

// immediate finds out whether transactions take the write lock when they begin:
// a checkpoint is refused to a connection that already holds it.
func (c checker) immediate(ctx context.Context, conn bun.Conn) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	var busy, logged, done int
	if err := tx.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &logged, &done); err == nil {
		c.add("txlock", "unsafe", "transactions begin deferred and fail when they turn to writing: add _txlock=immediate")
	} else if classify(err) != conflict {
		return err
	}
	return nil
}

func (c checker) postgres(ctx context.Context, conn bun.Conn) error {
	var version, literals, encoding, commit, schema string
	err := conn.QueryRowContext(ctx, `SELECT current_setting('server_version_num'), current_setting('standard_conforming_strings'),
		current_setting('client_encoding'), current_setting('synchronous_commit'), coalesce(current_schema(), '')`).
		Scan(&version, &literals, &encoding, &commit, &schema)
	if err != nil {
		return err
	}
	if n, _ := strconv.Atoi(version); n < minPostgres {
		c.add("version", "too_old", "is %s, want %d or later", version, minPostgres)
	}
	if literals != "on" {
		c.add("standard_conforming_strings", "unsafe", "is %s, want on: literals would be read wrong", literals)
	}
	if encoding != "UTF8" {
		c.add("client_encoding", "unsafe", "is %s, want UTF8", encoding)
	}
	if c.cfg.RowSecurity {
		if err := c.role(ctx, conn); err != nil {
			return err
		}
	}
	if commit == "off" && c.writer && !c.cfg.UnsafeNormalSync {
		c.add("synchronous_commit", "unsafe", "is off, want on, or set UnsafeNormalSync")
	}
	if c.cfg.Schema != "" && schema != c.cfg.Schema {
		c.add("search_path", "mismatch", "leads to schema %q, want %q: set search_path in the DSN or for the role, and create the schema", schema, c.cfg.Schema)
	}
	return nil
}

func (c checker) mariadb(ctx context.Context, conn bun.Conn) error {
	var version, mode, charset string
	var packet, flush int64
	err := conn.QueryRowContext(ctx, "SELECT version(), @@sql_mode, @@character_set_client, @@max_allowed_packet, @@innodb_flush_log_at_trx_commit").
		Scan(&version, &mode, &charset, &packet, &flush)
	if err != nil {
		return err
	}
	c.mysqlVersion(version)
	if !strings.Contains(mode, "STRICT_TRANS_TABLES") && !strings.Contains(mode, "STRICT_ALL_TABLES") {
		c.add("sql_mode", "unsafe", "is not strict: values would be cut without an error")
	}
	if strings.Contains(mode, "NO_BACKSLASH_ESCAPES") || strings.Contains(mode, "ANSI_QUOTES") {
		c.add("sql_mode", "unsafe", "NO_BACKSLASH_ESCAPES and ANSI_QUOTES change how literals are read")
	}
	if charset != "utf8mb4" {
		c.add("character_set", "unsafe", "is %s, want utf8mb4: add charset=utf8mb4", charset)
	}
	if packet < minPacketBytes {
		c.add("max_allowed_packet", "too_low", "is %d, want %d or more", packet, minPacketBytes)
	}
	if flush != 1 && c.writer && !c.cfg.UnsafeNormalSync {
		c.add("innodb_flush_log_at_trx_commit", "unsafe", "is %d, want 1, or set UnsafeNormalSync", flush)
	}
	if !c.writer {
		return nil
	}
	return c.foundRows(ctx, conn)
}

func (c checker) mysqlVersion(version string) {
	numbers := strings.SplitN(version, ".", 3)
	major, _ := strconv.Atoi(numbers[0])
	minor := 0
	if len(numbers) > 1 {
		minor, _ = strconv.Atoi(numbers[1])
	}
	least := minMySQL
	if strings.Contains(version, "MariaDB") {
		least = minMariaDB
	}
	if major*100+minor < least {
		c.add("version", "too_old", "is %s, want MariaDB 10.6 or MySQL 8.0 or later", version)
	}
}

// foundRows finds out whether an UPDATE counts the rows it met or only those it
// changed, and whether one string may hold two statements.
func (c checker) foundRows(ctx context.Context, conn bun.Conn) error {
	var result sql.Result
	for _, query := range []string{
		"CREATE TEMPORARY TABLE engage_check (n INT NOT NULL) ENGINE=InnoDB",
		"INSERT INTO engage_check (n) VALUES (1)",
		"UPDATE engage_check SET n = 1",
	} {
		var err error
		if result, err = conn.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("checking clientFoundRows: %w", err)
		}
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if n != 1 {
		c.add("clientFoundRows", "unsafe", "is off: add clientFoundRows=true")
	}
	if _, err := conn.ExecContext(ctx, "DROP TEMPORARY TABLE engage_check"); err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, "SELECT 1; SELECT 2")
	if err == nil {
		c.add("multiStatements", "unsafe", "is on, which makes every injection worse: remove it")
		return errors.Join(rows.Err(), rows.Close())
	}
	return nil
}
