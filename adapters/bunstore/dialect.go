package bunstore

import (
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"
)

// Dialect is the SQL a database speaks. Its text names the folder that the
// dialect's migrations stand in.
type Dialect string

// The supported dialects. MariaDB and MySQL 8 share one.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
	MariaDB    Dialect = "mysql"
)

// String is the dialect's name.
func (d Dialect) String() string { return string(d) }

// DialectOf is the dialect of a bun connection, "" for one that is not
// supported.
func DialectOf(db interface{ Dialect() schema.Dialect }) Dialect {
	switch db.Dialect().Name() {
	case dialect.SQLite:
		return SQLite
	case dialect.PG:
		return PostgreSQL
	case dialect.MySQL:
		return MariaDB
	default:
		return ""
	}
}
