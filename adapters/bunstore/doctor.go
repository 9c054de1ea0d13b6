package bunstore

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-engage/engage"
)

// Severity says how soon a Finding wants somebody.
type Severity uint8

// The severities.
const (
	Notice   Severity = iota // to know
	Warning                  // to fix before it hurts
	Critical                 // it hurts now, or data is at risk
)

// String is the severity's name.
func (s Severity) String() string {
	switch s {
	case Notice:
		return "notice"
	case Warning:
		return "warning"
	case Critical:
		return "critical"
	}
	return "invalid"
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Severity Severity
	Code     string // a stable word for programs, as "index_missing"
	Object   string // what it is about, as the name of an index
	Means    string // what follows from it
	Fix      string // what to do
}

// Fact is something that an operator wants to see, good or bad.
type Fact struct{ Name, Value string }

// Diagnosis is what Doctor answers. Findings stand with the worst first.
type Diagnosis struct {
	Facts    []Fact
	Findings []Finding
}

// When Doctor speaks up.
const (
	// offClock is how far the store's clock may be from its database's: leases
	// and schedules are compared across processes by it.
	offClock = time.Second
	// lagging is how long a slice may wait for a consumer.
	lagging = 5 * time.Minute
	// numberedWithin is how long a slice may wait for its position, which the
	// sequencer gives it within a second.
	numberedWithin = time.Minute
)

// Now is the store's time: of the clock that it was given.
func (s *Store) Now() time.Time { return s.clock.Now() }

// Pool is a connection pool of a store, and how it is used.
type Pool struct {
	Shard engage.Shard
	Name  string // "write" or "read"
	sql.DBStats
}

// Pools are the store's connection pools.
func (s *Store) Pools() []Pool {
	var pools []Pool
	for _, shard := range s.shards {
		d := s.databases[shard]
		pools = append(pools, Pool{shard, "write", d.write.Stats()})
		if d.read != d.write {
			pools = append(pools, Pool{shard, "read", d.read.Stats()})
		}
	}
	return pools
}

// Doctor looks at every database of the store: settings, versions, clocks,
// migrations, tables and indexes against the schemas, the log and its consumers,
// which are those that are named and those that have cursors. It changes
// nothing, holds one connection at a time, and may run beside everything else.
// It answers an error only where it can't look.
func (s *Store) Doctor(ctx context.Context, consumers []string, schemas ...Schema) (Diagnosis, error) {
	migrations, err := plan(s.dialect, schemas)
	if err != nil {
		return Diagnosis{}, err
	}
	all := &Diagnosis{}
	for _, shard := range s.shards {
		e := &examination{s: s, d: s.databases[shard], migrations: migrations, named: consumers, diagnosis: all}
		if err := e.run(ctx); err != nil {
			return Diagnosis{}, MapError(ctx, "bunstore.Doctor", "shard "+string(shard), err)
		}
	}
	all.Sort()
	return *all, nil
}

// Sort puts the worst findings first, and else keeps their order.
func (d *Diagnosis) Sort() {
	slices.SortStableFunc(d.Findings, func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
}

// examination is of one database.
type examination struct {
	s          *Store
	d          *database
	migrations []Migration
	named      []string // consumers
	diagnosis  *Diagnosis
}

func (e *examination) run(ctx context.Context) error {
	if err := e.settings(ctx); err != nil {
		return err
	}
	if err := e.server(ctx); err != nil {
		return err
	}
	if err := e.clock(ctx); err != nil {
		return err
	}
	ready, err := e.versions(ctx)
	if err != nil {
		return err
	}
	if err := e.catalogue(ctx, ready); err != nil || !ready {
		return err
	}
	return e.consumers(ctx)
}

func (e *examination) find(severity Severity, code, object, means, fix string) {
	e.diagnosis.Findings = append(e.diagnosis.Findings, Finding{severity, code, object, means, fix})
}

func (e *examination) fact(name, value string) {
	if len(e.s.shards) > 1 {
		name = string(e.d.shard) + " " + name
	}
	e.diagnosis.Facts = append(e.diagnosis.Facts, Fact{name, value})
}

// settings repeats what Open checked, on one connection a pool: servers and
// roles are changed while programs run.
func (e *examination) settings(ctx context.Context) error {
	var faults engage.Faults
	for _, pool := range []struct {
		name string
		db   *bun.DB
	}{{"write", e.d.write}, {"read", e.d.read}} {
		if pool.name == "read" && e.d.read == e.d.write {
			continue
		}
		conn, err := pool.db.Conn(ctx)
		if err != nil {
			return err
		}
		c := checker{path: pool.name, writer: pool.name == "write", cfg: Config{Schema: e.s.schema}, faults: &faults}
		look := map[Dialect]func(context.Context, bun.Conn) error{SQLite: c.sqlite, PostgreSQL: c.postgres, MariaDB: c.mariadb}
		err = look[e.s.dialect](ctx, conn)
		if closed := conn.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	means := map[string]string{
		"unsafe": "data may be lost or read wrong", "too_old": "statements of the suite may fail",
		"too_low": "statements may fail under load", "mismatch": "the tables may be in another place",
	}
	for _, f := range faults {
		e.find(Critical, "setting", f.Path, means[f.Code], f.Path+" "+f.Message)
	}
	return nil
}

// serverFacts are statements that answer names and values.
var serverFacts = map[Dialect][]struct{ name, query string }{
	SQLite: {
		{"server", "SELECT 'SQLite ' || sqlite_version()"},
		{"database", "SELECT file FROM pragma_database_list WHERE name = 'main'"},
		{"journal", "SELECT journal_mode FROM pragma_journal_mode"},
		{"size", "SELECT ((SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) / 1048576) || ' MiB'"},
		{"isolation", "SELECT 'serializable, one writer'"},
	},
	PostgreSQL: {
		{"server", "SELECT 'PostgreSQL ' || current_setting('server_version')"},
		{"database", "SELECT current_database() || ', schema ' || coalesce(current_schema(), '(none)') || ', user ' || current_user"},
		{"size", "SELECT pg_database_size(current_database()) / 1048576 || ' MiB'"},
		{"isolation", "SELECT current_setting('default_transaction_isolation') || ' by default, read committed for each transaction'"},
		{"connections", "SELECT current_setting('max_connections') || ' at most on the server'"},
	},
	MariaDB: {
		{"server", "SELECT IF(version() LIKE '%MariaDB%', CONCAT('MariaDB ', version()), CONCAT('MySQL ', version()))"},
		{"database", "SELECT CONCAT(DATABASE(), ', user ', CURRENT_USER())"},
		{"size", "SELECT CONCAT(COALESCE(SUM(data_length + index_length), 0) DIV 1048576, ' MiB') FROM information_schema.tables WHERE table_schema = DATABASE()"},
		{"isolation", "SELECT 'read committed, set for each transaction'"},
		{"connections", "SELECT CONCAT(@@max_connections, ' at most on the server')"},
	},
}

func (e *examination) server(ctx context.Context) error {
	for _, f := range serverFacts[e.s.dialect] {
		var value string
		if err := e.d.polls.QueryRowContext(ctx, f.query).Scan(&value); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		e.fact(f.name, value)
	}
	return nil
}

// clock compares the store's clock with the database's, or the machine's where
// the database runs in the process.
func (e *examination) clock(ctx context.Context) error {
	before := e.s.clock.Now()
	theirs := engage.SystemClock{}.Now()
	if query, ok := clockQuery[e.s.dialect]; ok {
		var micros int64
		if err := e.d.write.QueryRowContext(ctx, query).Scan(&micros); err != nil {
			return err
		}
		theirs = time.UnixMicro(micros)
	}
	// The answer is of some moment in between: half the time it took is not known.
	doubt := e.s.clock.Now().Sub(before) / 2
	offset := before.Add(doubt).Sub(theirs).Round(time.Millisecond)
	e.fact("clock offset", offset.String())
	if offset.Abs()-doubt > offClock {
		e.find(Critical, "clock_offset", offset.String(), "leases, schedules and retention follow a time that other processes do not share",
			"give the composition no Clock, so that it follows the database's, and run its workers; or synchronise the machine")
	}
	return nil
}

// versions compares what was applied with what this program has, and reports
// whether the kernel's tables were made.
func (e *examination) versions(ctx context.Context) (ready bool, err error) {
	done, err := readApplied(ctx, e.d.polls)
	if err != nil {
		return false, err
	}
	newest := map[string]int{}
	var order []string
	for _, m := range e.migrations {
		if newest[m.Domain] == 0 {
			order = append(order, m.Domain)
		}
		newest[m.Domain] = m.Version
		row, applied := done[m.Domain][m.Version]
		switch {
		case !applied:
			e.find(Critical, "migration_pending", m.String(), "statements will meet tables that are not there", "run Migrate")
		case row.Checksum != m.checksum:
			e.find(Critical, "migration_edited", m.String(), "the tables differ from those that this program was tested with", "restore the file that was released; changes are new files")
		}
	}
	var known []string
	for _, domain := range order {
		highest := slices.Max(append(slices.Collect(maps.Keys(done[domain])), 0))
		known = append(known, fmt.Sprintf("%s %d/%d", domain, highest, newest[domain]))
		switch ahead := highest - newest[domain]; {
		case ahead == 1:
			e.find(Notice, "schema_newer", domain, "a newer program has migrated the database; this one still works", "finish the roll-out")
		case ahead > 1:
			e.find(Critical, "schema_newer", domain, "the database is more than one version ahead; Migrate and Pending refuse it", "deploy the newer program")
		}
	}
	e.fact("schemas", strings.Join(known, ", "))
	return len(done[Core.Domain]) > 0, nil
}

var (
	createTable = regexp.MustCompile(`(?i)\bCREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	createIndex = regexp.MustCompile(`(?i)\bCREATE (UNIQUE )?INDEX (?:IF NOT EXISTS )?(\w+)`)
	inlineIndex = regexp.MustCompile(`(?im)^\s*(?:ADD )?(UNIQUE )?(?:KEY|INDEX) (\w+) ?\(`)
	dropped     = regexp.MustCompile(`(?i)\bDROP (?:TABLE|INDEX|KEY) (?:IF EXISTS )?(\w+)`)
)

// catalogueQuery answers the names of all tables and indexes in the place that
// the suite's statements use.
var catalogueQuery = map[Dialect]string{
	SQLite: "SELECT name FROM sqlite_master WHERE type IN ('table', 'index')",
	PostgreSQL: `SELECT c.relname FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'i', 'I') AND COALESCE(i.indisvalid, TRUE)`,
	MariaDB: `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()
		UNION SELECT index_name FROM information_schema.statistics WHERE table_schema = DATABASE()`,
}

// catalogue looks for the tables and indexes of applied migrations. An index
// that a failed CONCURRENTLY left invalid counts as missing.
func (e *examination) catalogue(ctx context.Context, ready bool) error {
	if !ready {
		return nil // one finding says it all
	}
	done, err := readApplied(ctx, e.d.polls)
	if err != nil {
		return err
	}
	var names []string
	if err := e.d.polls.NewRaw(catalogueQuery[e.s.dialect]).Scan(ctx, &names); err != nil {
		return err
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for _, want := range objects(e.migrations, done) {
		if there[want.name] {
			continue
		}
		switch want.kind {
		case "table":
			e.find(Critical, "table_missing", want.name, "whatever touches it fails", "restore it from a backup; "+want.migration+" made it")
		case "unique index":
			e.find(Critical, "index_missing", want.name, "what must be unique may come twice", "make it again with its statement in "+want.migration+" (bunstore.DumpSQL writes it)")
		default:
			e.find(Warning, "index_missing", want.name, "statements that need it read whole tables", "make it again with its statement in "+want.migration+" (bunstore.DumpSQL writes it)")
		}
	}
	return nil
}

// object is a table or an index that a migration makes.
type object struct{ kind, name, migration string }

// objects are those of applied migrations that no later one dropped.
func objects(migrations []Migration, done applied) []object {
	var all []object
	add := func(kind, name string, m Migration) { all = append(all, object{kind, name, m.String()}) }
	for _, m := range migrations {
		if _, ok := done[m.Domain][m.Version]; !ok {
			continue
		}
		for _, statement := range m.statements {
			for _, match := range dropped.FindAllStringSubmatch(statement, -1) {
				all = slices.DeleteFunc(all, func(o object) bool { return o.name == match[1] })
			}
			for _, match := range createTable.FindAllStringSubmatch(statement, -1) {
				add("table", match[1], m)
			}
			for _, form := range []*regexp.Regexp{createIndex, inlineIndex} {
				for _, match := range form.FindAllStringSubmatch(statement, -1) {
					add(strings.ToLower(match[1])+"index", match[2], m)
				}
			}
		}
	}
	return all
}

// consumers looks at the log: what waits for a position, and each consumer's
// distance.
func (e *examination) consumers(ctx context.Context) error {
	now := e.s.clock.Now()
	var oldest Micros
	if err := e.d.polls.NewRaw("SELECT MIN(created_at) FROM engage_log WHERE pos IS NULL").Scan(ctx, &oldest); err != nil {
		return err
	}
	if waited := now.Sub(oldest.Time()); !oldest.IsZero() && waited > numberedWithin {
		e.find(Critical, "sequencer_idle", "engage_log", "events of the last "+round(waited)+" reach no consumer", "run the store's workers in at least one process")
	}
	var cursors []struct {
		Consumer Key    `bun:"consumer"`
		Moved    Micros `bun:"moved"`
	}
	err := e.d.polls.NewRaw("SELECT consumer, MAX(moved_at) AS moved FROM engage_log_cursors GROUP BY consumer").Scan(ctx, &cursors)
	if err != nil {
		return err
	}
	rested := map[string]time.Duration{}
	for _, name := range e.named {
		rested[name] = 0
	}
	for _, cursor := range cursors {
		rested[string(cursor.Consumer)] = now.Sub(cursor.Moved.Time())
	}
	for _, name := range slices.Sorted(maps.Keys(rested)) {
		backlog, err := e.s.Log().Backlog(ctx, e.d.shard, name)
		if err != nil {
			return err
		}
		e.consumer(name, rested[name], now, backlog)
	}
	return nil
}

func (e *examination) consumer(name string, rested time.Duration, now time.Time, backlog engage.Backlog) {
	lag := time.Duration(0)
	if !backlog.Oldest.IsZero() {
		lag = now.Sub(backlog.Oldest)
	}
	e.fact("consumer "+name, fmt.Sprintf("%d slices behind, the oldest of %s; %d parked", backlog.Slices, round(lag), backlog.Parked))
	switch {
	case backlog.Slices > 0 && rested > AbandonedAfter:
		e.find(Warning, "cursor_abandoned", name, "nobody has moved it for "+round(rested)+"; the log no longer waits for it, and it will miss what is pruned",
			"run the consumer; or, if it is gone for good, delete its rows of engage_log_cursors and engage_log_parked")
	case lag > lagging:
		e.find(Warning, "consumer_lagging", name, fmt.Sprintf("its effects are %s late, with %d slices to go", round(lag), backlog.Slices),
			"run its worker, in more processes if it is busy, and look for its errors in the log")
	}
	if backlog.Parked > 0 {
		e.find(Warning, "events_parked", name, fmt.Sprintf("%d events failed in it and wait", backlog.Parked),
			"read their causes (ParkedEvents.List), fix them, and have them tried again (Redrive) or give them up (Drop)")
	}
}

// round is a duration for people.
func round(d time.Duration) string { return d.Round(time.Second).String() }
