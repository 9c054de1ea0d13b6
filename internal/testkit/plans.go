package testkit

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Plans collects how a database would run statements.
type Plans struct {
	// AsLarge plans small tables of PostgreSQL as large ones: without sequential
	// scans.
	AsLarge bool
	// Name is what the file in testdata begins with; "": "plans".
	Name string

	db   *Database
	text strings.Builder
}

// NewPlans collects plans of a database.
func NewPlans(db *Database) *Plans { return &Plans{db: db} }

// Add adds the plans of what a call ran, without those of savepoints and of
// inserts, which have none.
func (p *Plans) Add(t testing.TB, call string, statements []string) {
	t.Helper()
	for i, statement := range statements {
		switch verb(statement) {
		case "SELECT", "UPDATE", "DELETE", "WITH":
			fmt.Fprintf(&p.text, "== %s, %d\n%s\n", call, i+1, p.plan(t, statement))
		}
	}
}

// Compare compares the plans with the file in testdata, or rewrites it.
func (p *Plans) Compare(t testing.TB, update bool) {
	t.Helper()
	Golden(t, update, cmp.Or(p.Name, "plans")+"_"+p.db.Name+".txt", p.text.String())
}

// literals are what differs from run to run.
var literals = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`ANY \('\{[^']*\}'::\w+(\[\])?\)`), "ANY (…)"},
	{regexp.MustCompile(`'(?:[^']|'')*'::[a-z]+(?: with time zone)?(?:\[\])?`), "?"},
	{regexp.MustCompile(`'(?:[^']|'')*'`), "?"},
	{regexp.MustCompile(`<union[0-9,.]+>`), "<union>"},
}

// plan is how the database would run a statement. MariaDB says it in a row for
// each of the parts of a UNION, of which one is shown.
func (p *Plans) plan(t testing.TB, statement string) string {
	t.Helper()
	rows, err := p.explain(t.Context(), statement)
	if err != nil {
		t.Fatalf("%v\n%.300s", err, statement)
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		switch p.db.Name {
		case "sqlite":
			lines[i] = row["detail"]
		case "postgres":
			lines[i] = row["QUERY PLAN"]
		default:
			lines[i] = strings.TrimSpace(fmt.Sprintf("%s %s key=%s %s", row["table"], row["type"], row["key"], row["Extra"]))
		}
		for _, l := range literals {
			lines[i] = l.pattern.ReplaceAllString(lines[i], l.name)
		}
	}
	return strings.Join(slices.Compact(lines), "\n")
}

// explain answers the rows of a plan, by their columns.
func (p *Plans) explain(ctx context.Context, statement string) (plan []map[string]string, err error) {
	tx, err := p.db.Write.DB.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	if p.AsLarge && p.db.Name == "postgres" {
		if _, err := tx.ExecContext(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
			return nil, err
		}
	}
	explain := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN (COSTS OFF) ", "mysql": "EXPLAIN "}[p.db.Name]
	return rowsOf(ctx, tx, explain+statement)
}

// Rows answers what a query finds, by column; NULL is "".
func (d *Database) Rows(t testing.TB, query string) []map[string]string {
	t.Helper()
	found, err := rowsOf(t.Context(), d.Write.DB, query)
	if err != nil {
		t.Fatalf("%v\n%.300s", err, query)
	}
	return found
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func rowsOf(ctx context.Context, db querier, query string) (found []map[string]string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			return nil, err
		}
		row := map[string]string{}
		for i, column := range columns {
			row[column] = values[i].String
		}
		found = append(found, row)
	}
	return found, nil
}
