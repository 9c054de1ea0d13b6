package bunstore

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// The settings that the policies look at, both of a transaction alone.
const (
	workspaceSetting = "engage.workspace" // whose rows it sees
	shardSetting     = "engage.shard"     // "on": a worker's, which sees all
)

// policyName is the policy on every table of workspaces.
const policyName = "engage_workspace"

// bookkeeping are the kernel's tables about workspaces that every transaction
// may read: where they are, and nothing of theirs.
var bookkeeping = []string{"engage_placements", "engage_stays", "engage_fenced"}

// policies are the statements that shut a table off. The settings are read once a
// statement, not once a row: that is what the inner SELECTs are for.
func policies(table string) []string {
	return []string{
		"ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY",
		"ALTER TABLE " + table + " FORCE ROW LEVEL SECURITY",
		"DROP POLICY IF EXISTS " + policyName + " ON " + table,
		"CREATE POLICY " + policyName + " ON " + table +
			" USING (workspace_id = (SELECT NULLIF(current_setting('" + workspaceSetting + "', true), '')::uuid)" +
			" OR (SELECT current_setting('" + shardSetting + "', true) = 'on'))",
	}
}

// rights are what the program's role needs of a table.
const rights = "SELECT, INSERT, UPDATE, DELETE"

// madeTable finds the tables that a migration makes.
var madeTable = regexp.MustCompile(`^CREATE TABLE (?:IF NOT EXISTS )?(engage_\w+) \(`)

// DumpRowSecurity writes what Migrate adds on PostgreSQL with Config.RowSecurity,
// behind the statements of DumpSQL: the policies of every table that holds
// workspace_id, and the rights of role, which the program connects as.
func DumpRowSecurity(w io.Writer, role string, schemas ...Schema) error {
	migrations, err := plan(PostgreSQL, schemas)
	if err != nil {
		return err
	}
	var statements []string
	for _, m := range migrations {
		for _, statement := range m.statements {
			made := madeTable.FindStringSubmatch(statement)
			if made == nil {
				continue
			}
			statements = append(statements, "GRANT "+rights+" ON "+made[1]+" TO "+quoteIdent(role))
			if strings.Contains(statement, "workspace_id uuid") && !slices.Contains(bookkeeping, made[1]) {
				statements = append(statements, policies(made[1])...)
			}
		}
	}
	_, err = fmt.Fprintf(w, "%s;\n", strings.Join(statements, ";\n"))
	return err
}

func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// unsecured lists the suite's tables that hold workspace_id, or that the role has
// no rights on, and what they lack.
const unsecured = `SELECT c.relname AS table_name,
		EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped) AS held,
		c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = ?0) AS secured,
		has_table_privilege(?1, c.oid, 'SELECT') AND has_table_privilege(?1, c.oid, 'INSERT')
			AND has_table_privilege(?1, c.oid, 'UPDATE') AND has_table_privilege(?1, c.oid, 'DELETE') AS granted
	FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND c.relname LIKE 'engage\_%'
		AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY c.relname`

// secure brings the policies and rights of all tables up to date, in the
// transaction that conn is in. It touches only tables that lack some: changing one
// locks it.
func (s *Store) secure(ctx context.Context, conn bun.IDB, role string) error {
	var tables []struct {
		Name    string `bun:"table_name"`
		Held    bool   `bun:"held"`
		Secured bool   `bun:"secured"`
		Granted bool   `bun:"granted"`
	}
	if err := conn.NewRaw(unsecured, policyName, role).Scan(ctx, &tables); err != nil {
		return err
	}
	var statements []string
	for _, t := range tables {
		if strings.HasPrefix(t.Name, stagingPrefix) {
			continue
		}
		if !t.Granted {
			statements = append(statements, "GRANT "+rights+" ON "+t.Name+" TO "+quoteIdent(role))
		}
		if t.Held && !t.Secured && !slices.Contains(bookkeeping, t.Name) {
			statements = append(statements, policies(t.Name)...)
		}
	}
	if len(statements) > 0 {
		var schema string
		if err := conn.QueryRowContext(ctx, "SELECT quote_ident(current_schema())").Scan(&schema); err != nil {
			return err
		}
		statements = append(statements, "GRANT USAGE ON SCHEMA "+schema+" TO "+quoteIdent(role))
	}
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// secureAll is Migrate's last step with RowSecurity.
func (s *Store) secureAll(ctx context.Context, d *database, conn bun.Conn) (err error) {
	var role string
	if err := d.write.QueryRowContext(ctx, "SELECT current_user").Scan(&role); err != nil {
		return err
	}
	end, err := s.lockMigrations(ctx, conn)
	if err != nil {
		return err
	}
	err = s.secure(ctx, conn, role)
	if ended := end(err); err == nil {
		err = ended
	}
	return err
}

// confine sets what a transaction sees: a workspace's rows, or for the zero
// workspace, which workers and consumers have, all of them.
func confine(ctx context.Context, run interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, ws engage.WorkspaceID,
) error {
	name, value := shardSetting, "on"
	if !ws.IsZero() {
		name, value = workspaceSetting, string(UID(ws).appendText(nil))
	}
	_, err := run.ExecContext(ctx, "SELECT set_config('"+name+"', '"+value+"', true)")
	return err
}

// role checks that the policies hold for whom the program connects as.
func (c checker) role(ctx context.Context, conn bun.Conn) error {
	var name string
	var super, bypass, owner bool
	err := conn.QueryRowContext(ctx, `SELECT current_user, r.rolsuper, r.rolbypassrls, EXISTS (
			SELECT FROM pg_class AS t WHERE t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
				AND t.relkind IN ('r', 'p') AND t.relname LIKE 'engage\_%' AND pg_has_role(t.relowner, 'USAGE'))
		FROM pg_roles AS r WHERE r.rolname = current_user`).Scan(&name, &super, &bypass, &owner)
	switch {
	case err != nil:
		return err
	case super:
		c.add("role", "unsafe", "%q is a superuser, whom no policy binds: connect as a role of its own", name)
	case bypass:
		c.add("role", "unsafe", "%q has BYPASSRLS, so no policy binds it", name)
	case owner:
		c.add("role", "unsafe", "%q owns the tables, or may become their owner, who can drop the policies: give their owner's pool as Owner", name)
	}
	return nil
}
