package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"

	"github.com/go-engage/engage"
)

// MapError gives a database's error the code that ports answer: a taken unique
// key is AlreadyExists, a missing or still referenced row FailedPrecondition, a
// value that the column refuses Invalid, sql.ErrNoRows NotFound; a deadlock, a
// serialization failure, a busy database and a lost connection are Unavailable,
// anything else Internal. Errors of a context and of the suite pass through,
// nil is nil.
//
// A deadlock, serialization failure or busy database also dooms the transaction
// in ctx: it will not commit, whatever becomes of the error.
//
// op and entity say what failed, as "contacts.Create" and "contact con_…".
func MapError(ctx context.Context, op, entity string, err error) error {
	if err == nil {
		return nil
	}
	t := innermost(ctx)
	if t != nil {
		t.note(err)
	}
	if _, ok := errors.AsType[*engage.Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if ctx.Err() != nil && codeOf(err) != engage.AlreadyExists {
		return ctx.Err() // drivers report an interrupted statement in words of their own
	}
	return &engage.Error{Code: codeOf(err), Op: op, Entity: entity, Err: err}
}

// isConflict tells the errors after which the whole transaction is run again.
func isConflict(err error) bool { return err != nil && classify(err) == conflict }

// class is what a driver's error means, a code or one of the two below.
type class string

const (
	conflict class = "conflict" // deadlock, serialization failure, busy: run it again
	none     class = ""         // not a database's error
)

func codeOf(err error) engage.Code {
	switch c := classify(err); {
	case c == conflict:
		return engage.Unavailable
	case c != none:
		return engage.Code(c)
	case errors.Is(err, sql.ErrNoRows):
		return engage.NotFound
	case lost(err):
		return engage.Unavailable
	default:
		return engage.Internal
	}
}

// classify asks each driver's error in its own way, without importing drivers:
// pgx has a method SQLState, modernc's SQLite a method Code, go-sql-driver's
// MySQL a field Number.
func classify(err error) class {
	for ; err != nil; err = errors.Unwrap(err) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				if c := classify(e); c != none {
					return c
				}
			}
			return none
		}
		if e, ok := err.(interface{ SQLState() string }); ok {
			return classOfState(e.SQLState())
		}
		if e, ok := err.(interface{ Code() int }); ok {
			return classOfSQLite(e.Code())
		}
		if n, ok := mysqlNumber(err); ok {
			return classOfMySQL(n)
		}
	}
	return none
}

func mysqlNumber(err error) (uint16, bool) {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem().Name() != "MySQLError" {
		return 0, false
	}
	n := v.Elem().FieldByName("Number")
	if !n.IsValid() || n.Kind() != reflect.Uint16 {
		return 0, false
	}
	return uint16(n.Uint()), true
}

// classOfState reads the SQLSTATE of PostgreSQL (its manual, appendix A).
func classOfState(state string) class {
	switch state {
	case "40001", "40P01", "55P03":
		return conflict
	case "23505", "23P01":
		return class(engage.AlreadyExists)
	case "23503", "23001":
		return class(engage.FailedPrecondition)
	case "57014", "57P01", "57P02", "57P03", "25006":
		return class(engage.Unavailable)
	}
	switch {
	case strings.HasPrefix(state, "22"), strings.HasPrefix(state, "23"):
		return class(engage.Invalid)
	case strings.HasPrefix(state, "08"), strings.HasPrefix(state, "53"):
		return class(engage.Unavailable)
	default:
		return class(engage.Internal)
	}
}

// classOfSQLite reads the extended result code (sqlite.org/rescode.html).
func classOfSQLite(code int) class {
	switch code {
	case 1555, 2067, 2579: // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID
		return class(engage.AlreadyExists)
	case 787: // SQLITE_CONSTRAINT_FOREIGNKEY
		return class(engage.FailedPrecondition)
	}
	switch code & 0xff {
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		return conflict
	case 18, 19, 20: // SQLITE_TOOBIG, _CONSTRAINT, _MISMATCH
		return class(engage.Invalid)
	case 9, 10, 13, 14, 15: // SQLITE_INTERRUPT, _IOERR, _FULL, _CANTOPEN, _PROTOCOL
		return class(engage.Unavailable)
	default:
		return class(engage.Internal)
	}
}

// classOfMySQL reads the server's error number (mariadb.com/kb, "Error Codes").
func classOfMySQL(n uint16) class {
	switch n {
	case 1205, 1213, 1020, 3572, 4031: // lock wait, deadlock, changed since read, NOWAIT, inactivity
		return conflict
	case 1022, 1062, 1169, 1586:
		return class(engage.AlreadyExists)
	case 1216, 1217, 1451, 1452, 1761, 1762:
		return class(engage.FailedPrecondition)
	case 1048, 1263, 1264, 1265, 1292, 1364, 1366, 1406, 3140, 3819, 4025:
		return class(engage.Invalid)
	case 1040, 1053, 1129, 1158, 1159, 1160, 1161, 1203, 1290, 1317, 1836, 1927, 2002, 2003, 2006, 2013:
		return class(engage.Unavailable)
	default:
		return class(engage.Internal)
	}
}

// lost tells a connection that broke. go-sql-driver's sentinel can only be known
// by its text without importing the driver.
func lost(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, e := range []error{driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, e) {
			return true
		}
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := e.Error(); text == "invalid connection" || text == "conn closed" {
			return true
		}
	}
	return false
}
