package bunstore

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// workspaceTable is a table whose rows are workspaces', as the database
// describes it: a new domain's are found without anybody listing them.
type workspaceTable struct {
	name    string
	columns []tableColumn
	key     []string // of the primary key, without workspace_id
}

type tableColumn struct {
	name string
	kind string // its type, as the database names it
}

// Tables of the kernel that hold workspace_id and stay where they are: the log's
// slices, which are numbered by their database, and what moving is made of.
var stayingTables = []string{"engage_log", "engage_placements", "engage_stays", "engage_fenced"}

// stagingPrefix begins the names of the tables that a move copies into.
const stagingPrefix = "engage_moving_"

// columnsQuery lists the columns of all tables in order; key is the column's
// place in the primary key, from 1, or 0.
var columnsQuery = map[Dialect]string{
	SQLite: `SELECT m.name AS table_name, p.name AS column_name, p.type AS type_name, p.pk AS key_part
		FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS p WHERE m.type = 'table' AND p.hidden = 0 ORDER BY m.name, p.cid`,
	PostgreSQL: `SELECT c.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, NULL) AS type_name,
			COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0) AS key_part
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
		WHERE c.relkind IN ('r', 'p') AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
		ORDER BY c.relname, a.attnum`,
	MariaDB: `SELECT c.table_name AS table_name, c.column_name AS column_name, c.data_type AS type_name, COALESCE(k.seq_in_index, 0) AS key_part
		FROM information_schema.columns AS c
		LEFT JOIN information_schema.statistics AS k ON k.table_schema = c.table_schema AND k.table_name = c.table_name
			AND k.column_name = c.column_name AND k.index_name = 'PRIMARY'
		WHERE c.table_schema = DATABASE() AND c.extra NOT LIKE '%GENERATED%' ORDER BY c.table_name, c.ordinal_position`,
}

// parentsQuery lists which table refers to which.
var parentsQuery = map[Dialect]string{
	SQLite: `SELECT m.name AS child, f."table" AS parent FROM sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'`,
	PostgreSQL: `SELECT c.relname AS child, p.relname AS parent FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
		JOIN pg_class AS p ON p.oid = k.confrelid
		WHERE k.contype = 'f' AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())`,
	MariaDB: `SELECT table_name AS child, referenced_table_name AS parent FROM information_schema.key_column_usage
		WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL`,
}

// WorkspaceTables lists the tables of a database that move and are erased with a
// workspace: those of the suite that hold workspace_id, and the host's that
// Placement.Tables names. A table stands after those that it refers to. Tables
// that refer to one without workspace_id belong to the installation: accounts
// live on one database, whose store has no Placement.
func (s *Store) WorkspaceTables(ctx context.Context, shard engage.Shard) ([]string, error) {
	d, err := s.shard(shard)
	if err != nil {
		return nil, err
	}
	tables, err := s.workspaceTables(ctx, d)
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name
	}
	return names, err
}

func (s *Store) workspaceTables(ctx context.Context, d *database) ([]workspaceTable, error) {
	const op = "bunstore.WorkspaceTables"
	var found []struct {
		Table  string `bun:"table_name"`
		Column string `bun:"column_name"`
		Type   string `bun:"type_name"`
		Key    int    `bun:"key_part"`
	}
	if err := d.polls.NewRaw(columnsQuery[s.dialect]).Scan(ctx, &found); err != nil {
		return nil, MapError(ctx, op, "", err)
	}
	var tables []workspaceTable
	for len(found) > 0 {
		n := 1
		for n < len(found) && found[n].Table == found[0].Table {
			n++
		}
		columns := found[:n]
		found = found[n:]
		t := workspaceTable{name: columns[0].Table}
		keyed, held := map[int]string{}, false
		for _, c := range columns {
			t.columns = append(t.columns, tableColumn{c.Column, c.Type})
			held = held || c.Column == "workspace_id"
			if c.Key > 0 {
				keyed[c.Key] = c.Column
			}
		}
		if !held || !s.travels(t.name) {
			continue
		}
		for i := 1; i <= len(keyed); i++ {
			if keyed[i] != "workspace_id" {
				t.key = append(t.key, keyed[i])
			}
		}
		if len(t.key) == len(keyed) {
			return nil, &engage.Error{Code: engage.FailedPrecondition, Op: op, Entity: t.name, Err: errKeyless}
		}
		tables = append(tables, t)
	}
	return s.parentsFirst(ctx, d, tables)
}

// travels reports whether a table's rows belong to its workspaces wherever they
// are.
func (s *Store) travels(name string) bool {
	if s.placer != nil && slices.Contains(s.placer.Tables, name) {
		return true
	}
	return strings.HasPrefix(name, "engage_") && !strings.HasPrefix(name, stagingPrefix) && !slices.Contains(stayingTables, name)
}

// parentsFirst sorts tables behind those they refer to, and otherwise by name. A
// table that refers to one that stays belongs to the installation, as that does,
// and stays with it.
func (s *Store) parentsFirst(ctx context.Context, d *database, tables []workspaceTable) ([]workspaceTable, error) {
	var edges []struct {
		Child  string `bun:"child"`
		Parent string `bun:"parent"`
	}
	if err := d.polls.NewRaw(parentsQuery[s.dialect]).Scan(ctx, &edges); err != nil {
		return nil, MapError(ctx, "bunstore.WorkspaceTables", "", err)
	}
	depth, travels := map[string]int{}, map[string]bool{}
	for _, t := range tables {
		travels[t.name] = true
	}
	for range tables { // the longest chain there may be
		for _, e := range edges {
			if e.Child != e.Parent {
				depth[e.Child] = max(depth[e.Child], depth[e.Parent]+1)
				travels[e.Child] = travels[e.Child] && travels[e.Parent]
			}
		}
	}
	tables = slices.DeleteFunc(tables, func(t workspaceTable) bool { return !travels[t.name] })
	slices.SortFunc(tables, func(a, b workspaceTable) int {
		return cmp.Or(cmp.Compare(depth[a.name], depth[b.name]), cmp.Compare(a.name, b.name))
	})
	return tables, nil
}

// row is a row as SQL literals, which its database wrote: equal texts are equal
// rows, and a statement takes them as they are.
type row struct {
	values string
	key    []string
}

// textual finds MariaDB's types whose values must not pass through a character
// set.
var textual = regexp.MustCompile("binary|blob|text|char")

// quote is an expression for the literal of a column's value, whatever the
// settings of the connection are.
func (s *Store) quote(c tableColumn) string {
	switch {
	case s.dialect == PostgreSQL && c.kind == "timestamp with time zone":
		return "quote_nullable((" + c.name + " AT TIME ZONE 'UTC')::text || '+00')"
	case s.dialect == PostgreSQL:
		return "quote_nullable(" + c.name + "::text)"
	case s.dialect == SQLite:
		return "quote(" + c.name + ")"
	case textual.MatchString(c.kind):
		return "COALESCE(CONCAT('X''', HEX(" + c.name + "), ''''), 'NULL')"
	default:
		return "COALESCE(CAST(" + c.name + " AS CHAR), 'NULL')"
	}
}

// names are the columns, for a list of an INSERT.
func (t workspaceTable) names() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

func (t workspaceTable) column(name string) tableColumn {
	return t.columns[slices.IndexFunc(t.columns, func(c tableColumn) bool { return c.name == name })]
}

// span is a part of a workspace's rows of a table, in the order of their keys:
// behind after, up to until. Nil is no bound.
type span struct{ after, until []string }

func (sp span) condition(key []string) string {
	var text strings.Builder
	if sp.after != nil {
		text.WriteString(" AND " + key[0] + " >= " + sp.after[0] + " AND " + behind(key, sp.after))
	}
	if sp.until != nil {
		text.WriteString(" AND " + key[0] + " <= " + sp.until[0] + " AND NOT " + behind(key, sp.until))
	}
	return text.String()
}

// behind is (a, b) > (x, y), as every database enters an index by it.
func behind(key, at []string) string {
	if len(key) == 1 {
		return "(" + key[0] + " > " + at[0] + ")"
	}
	return "(" + key[0] + " > " + at[0] + " OR (" + key[0] + " = " + at[0] + " AND " + behind(key[1:], at[1:]) + "))"
}

// readRows answers rows of a workspace in the order of their keys, up to limit if
// that is not 0. from is the table, or the one that a move copies it into.
func (s *Store) readRows(ctx context.Context, db bun.IDB, t workspaceTable, from string, ws engage.WorkspaceID, sp span, limit int, lock bool) ([]row, error) {
	values := make([]string, len(t.columns))
	for i, c := range t.columns {
		values[i] = s.quote(c)
	}
	var query strings.Builder
	if s.dialect == MariaDB {
		query.WriteString("SELECT CONCAT_WS(',', " + strings.Join(values, ", ") + ")")
	} else {
		query.WriteString("SELECT " + strings.Join(values, " || ',' || "))
	}
	for _, k := range t.key {
		query.WriteString(", " + s.quote(t.column(k)))
	}
	query.WriteString(" FROM " + from + " WHERE workspace_id = " + s.literal(ws) + sp.condition(t.key))
	if len(t.key) > 0 {
		query.WriteString(" ORDER BY " + strings.Join(t.key, ", "))
	}
	if limit > 0 {
		query.WriteString(" LIMIT " + strconv.Itoa(limit))
	}
	if lock && s.dialect != SQLite {
		query.WriteString(" FOR UPDATE")
	}
	found, err := db.QueryContext(ctx, query.String())
	if err != nil {
		return nil, err
	}
	defer found.Close() //nolint:errcheck // Err below says it
	var rows []row
	for found.Next() {
		r := row{key: make([]string, len(t.key))}
		into := []any{&r.values}
		for i := range r.key {
			into = append(into, &r.key[i])
		}
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// literal is a workspace's id in a statement without arguments.
func (s *Store) literal(ws engage.WorkspaceID) string {
	text, _ := UID(ws).AppendQuery(s.databases[s.shards[0]].write.QueryGen(), nil)
	return string(text)
}

// writeRows inserts rows as they were read, in statements of about a mebibyte.
func writeRows(ctx context.Context, db bun.IDB, t workspaceTable, into string, rows []row) error {
	for len(rows) > 0 {
		var query strings.Builder
		query.WriteString("INSERT INTO " + into + " (" + t.names() + ") VALUES ")
		n := 0
		for ; n < len(rows) && (n == 0 || query.Len()+len(rows[n].values) < 1<<20); n++ {
			if n > 0 {
				query.WriteByte(',')
			}
			query.WriteString("(" + rows[n].values + ")")
		}
		rows = rows[n:]
		if _, err := db.ExecContext(ctx, query.String()); err != nil {
			return err
		}
	}
	return nil
}

// deleteRows removes exactly these rows: others may have come between them.
func (s *Store) deleteRows(ctx context.Context, db bun.IDB, t workspaceTable, from string, ws engage.WorkspaceID, rows []row) error {
	query := "DELETE FROM " + from + " WHERE workspace_id = " + s.literal(ws)
	if len(t.key) == 0 {
		_, err := db.ExecContext(ctx, query)
		return err
	}
	var keys strings.Builder
	for i, r := range rows {
		if i > 0 {
			keys.WriteByte(',')
		}
		keys.WriteString("(" + strings.Join(r.key, ",") + ")")
	}
	values := ""
	if s.dialect == SQLite {
		values = "VALUES "
	}
	_, err := db.ExecContext(ctx, query+" AND ("+strings.Join(t.key, ", ")+") IN ("+values+keys.String()+")")
	return err
}

var errKeyless = errors.New("the table has workspace_id, which is no part of its primary key")
