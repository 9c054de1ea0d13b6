package bunstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// migrationsDDL is the table of what was applied. It is made by the runner, so
// it is the same statement in every release.
var migrationsDDL = map[Dialect]string{
	SQLite: `CREATE TABLE IF NOT EXISTS engage_migrations (domain TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,
		checksum TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (domain, version))`,
	PostgreSQL: `CREATE TABLE IF NOT EXISTS engage_migrations (domain text COLLATE "C" NOT NULL, version integer NOT NULL, name text NOT NULL,
		checksum text NOT NULL, applied_at timestamptz NOT NULL, PRIMARY KEY (domain, version))`,
	MariaDB: `CREATE TABLE IF NOT EXISTS engage_migrations (domain VARBINARY(64) NOT NULL, version INT NOT NULL, name VARBINARY(255) NOT NULL,
		checksum VARBINARY(64) NOT NULL, applied_at BIGINT NOT NULL, PRIMARY KEY (domain, version)) ENGINE=InnoDB`,
}

// migrationLock and the schema name the advisory lock of PostgreSQL. It is
// "enga" in ASCII.
const migrationLock = 0x656e6761

type appliedRow struct {
	bun.BaseModel `bun:"table:engage_migrations"`

	Domain    string `bun:"domain,pk"`
	Version   int    `bun:"version,pk"`
	Name      string `bun:"name"`
	Checksum  string `bun:"checksum"`
	AppliedAt Micros `bun:"applied_at"`
}

type applied map[string]map[int]appliedRow // by domain and version

// Migrate makes the kernel's tables and those of the schemas, in every database
// of the store. It may run in many processes at once, and again after it was
// killed: on SQLite and PostgreSQL a migration and its mark are one transaction,
// on MariaDB a migration that stopped midway starts again from its first
// statement. Rows of domains that are not given are left alone.
//
// It refuses, with ErrFailedPrecondition, a database whose migrations were
// edited since, or that is more than one version ahead of this program.
func (s *Store) Migrate(ctx context.Context, schemas ...Schema) error {
	migrations, err := plan(s.dialect, schemas)
	if err != nil {
		return err
	}
	for _, shard := range s.shards {
		if err := s.migrate(ctx, s.databases[shard], migrations); err != nil {
			return MapError(ctx, "bunstore.Migrate", "shard "+string(shard), err)
		}
	}
	return nil
}

// Pending answers the migrations that Migrate would run, in order, once each
// even if several databases lack it. It refuses what Migrate refuses.
func (s *Store) Pending(ctx context.Context, schemas ...Schema) ([]Migration, error) {
	migrations, err := plan(s.dialect, schemas)
	if err != nil {
		return nil, err
	}
	var pending []Migration
	lacking := map[string]bool{}
	for _, shard := range s.shards {
		done, err := readApplied(ctx, s.databases[shard].polls)
		if err == nil {
			err = done.verify(migrations)
		}
		if err != nil {
			return nil, MapError(ctx, "bunstore.Pending", "shard "+string(shard), err)
		}
		for _, m := range migrations {
			if _, ok := done[m.Domain][m.Version]; !ok {
				lacking[m.String()] = true
			}
		}
	}
	for _, m := range migrations {
		if lacking[m.String()] {
			pending = append(pending, m)
		}
	}
	return pending, nil
}

// migrate holds one connection: the lock on it ends with it, whatever kills the
// process.
func (s *Store) migrate(ctx context.Context, d *database, migrations []Migration) (err error) {
	conn, err := d.owner.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	done, err := readApplied(ctx, conn)
	if err != nil {
		return err
	}
	if err := done.verify(migrations); err != nil {
		return err
	}
	for _, m := range migrations {
		if _, ok := done[m.Domain][m.Version]; ok {
			continue
		}
		if err := s.apply(ctx, conn, migrations, m); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	if s.secured {
		return s.secureAll(ctx, d, conn)
	}
	return nil
}

// apply runs one migration under the lock, unless another process has done it
// meanwhile.
func (s *Store) apply(ctx context.Context, conn bun.Conn, migrations []Migration, m Migration) (err error) {
	end, err := s.lockMigrations(ctx, conn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end(err)) }()
	if _, err := conn.ExecContext(ctx, migrationsDDL[s.dialect]); err != nil {
		return err
	}
	done, err := readApplied(ctx, conn)
	if err != nil {
		return err
	}
	if err := done.verify(migrations); err != nil {
		return err
	}
	if _, ok := done[m.Domain][m.Version]; ok {
		return nil
	}
	for i, statement := range m.statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	row := appliedRow{Domain: m.Domain, Version: m.Version, Name: m.Name, Checksum: m.checksum, AppliedAt: Micros(s.clock.Now())}
	_, err = conn.NewInsert().Model(&row).Returning("NULL").Exec(ctx)
	return err
}

// lockMigrations begins the transaction (SQLite, PostgreSQL) or takes the named
// lock (MariaDB) that one migration runs under; end finishes it.
func (s *Store) lockMigrations(ctx context.Context, conn bun.Conn) (end func(error) error, err error) {
	exec := func(query string, args ...any) error {
		_, err := conn.ExecContext(ctx, query, args...)
		return err
	}
	// The end runs also when ctx is over.
	finish := func(cause error) error {
		query := "COMMIT"
		if cause != nil {
			query = "ROLLBACK"
		}
		_, err := conn.ExecContext(context.WithoutCancel(ctx), query)
		return err
	}
	switch s.dialect {
	case SQLite:
		return finish, exec("BEGIN IMMEDIATE")
	case MariaDB:
		return s.lockByName(ctx, conn)
	case PostgreSQL:
		if err := exec("BEGIN ISOLATION LEVEL READ COMMITTED"); err != nil {
			return nil, err
		}
		if err := exec("SELECT pg_advisory_xact_lock(?, hashtext(current_schema()))", migrationLock); err != nil {
			return nil, errors.Join(err, finish(err))
		}
	}
	return finish, nil
}

// lockByName takes MariaDB's lock, which is the server's, not the database's.
func (s *Store) lockByName(ctx context.Context, conn bun.Conn) (end func(error) error, err error) {
	for {
		var got int
		err := conn.QueryRowContext(ctx, "SELECT COALESCE(GET_LOCK(CONCAT('engage:', DATABASE()), 10), 0)").Scan(&got)
		if err != nil {
			return nil, err
		}
		if got == 1 {
			break
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return func(error) error {
		var released any
		return conn.QueryRowContext(context.WithoutCancel(ctx), "SELECT RELEASE_LOCK(CONCAT('engage:', DATABASE()))").Scan(&released)
	}, nil
}

// hasMigrations finds the runner's table in the place that its statements would
// use.
var hasMigrations = map[Dialect]string{
	SQLite:     "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'engage_migrations'",
	PostgreSQL: "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'engage_migrations'",
	MariaDB:    "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'engage_migrations'",
}

func readApplied(ctx context.Context, db bun.IDB) (applied, error) {
	var there int
	if err := db.QueryRowContext(ctx, hasMigrations[DialectOf(db)]).Scan(&there); err != nil {
		return nil, err
	}
	done := applied{}
	if there == 0 {
		return done, nil
	}
	var rows []appliedRow
	if err := db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, err
	}
	for _, row := range rows {
		if done[row.Domain] == nil {
			done[row.Domain] = map[int]appliedRow{}
		}
		done[row.Domain][row.Version] = row
	}
	return done, nil
}

// verify refuses edited migrations and databases that this program is too old
// for: it may meet the next version, which a newer replica has just made, and no
// later one.
func (a applied) verify(migrations []Migration) error {
	known := map[string]int{}
	var faults []error
	for _, m := range migrations {
		known[m.Domain] = max(known[m.Domain], m.Version)
		if row, ok := a[m.Domain][m.Version]; ok && row.Checksum != m.checksum {
			faults = append(faults, fmt.Errorf("%s was edited after it had been applied as %q", m, row.Name))
		}
	}
	for domain, version := range known {
		for applied := range a[domain] {
			if applied > version+1 {
				faults = append(faults, fmt.Errorf("%s is at version %d, this program knows %d", domain, applied, version))
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &engage.Error{Code: engage.FailedPrecondition, Op: "bunstore.Migrate", Err: errors.Join(faults...)}
}
