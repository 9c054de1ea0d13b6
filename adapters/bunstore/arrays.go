package bunstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// ArrayBinder hands whole columns to PostgreSQL as arrays, the fastest way to
// write many rows: INSERT … SELECT … FROM unnest($1::uuid[], $2::text[], …).
// ArrayLiterals works with every driver and pooler; the one of package pgxarrays
// sends binary arrays and keeps the statement prepared, which costs a sixth
// less. Other databases have no arrays and never meet a binder.
type ArrayBinder interface {
	// Bind answers the statement to send and its arguments, of a statement in
	// which $1, $2 … with their casts stand for the arrays. Arrays are slices of
	// UID, Text, Key, string, Micros, JSON, []byte, int64, int, float64 or bool;
	// the zero UID, zero Micros and nil JSON are NULL.
	Bind(query string, arrays []any) (sent string, args []any, err error)
}

// ArrayLiterals is the ArrayBinder that writes the arrays into the statement.
type ArrayLiterals struct{}

var _ ArrayBinder = ArrayLiterals{}

// QueryArrays runs a statement with arrays through the store's ArrayBinder, on a
// connection that Write or Read answered. Only PostgreSQL has arrays; elsewhere
// it answers ErrUnimplemented. The caller closes the rows.
func (s *Store) QueryArrays(ctx context.Context, db bun.IDB, query string, arrays ...any) (*sql.Rows, error) {
	const op = "bunstore.QueryArrays"
	c, ok := db.(*conn)
	if s.dialect != PostgreSQL || !ok {
		return nil, &engage.Error{Code: engage.Unimplemented, Op: op, Err: fmt.Errorf("no arrays on %s", s.dialect)}
	}
	sent, args, err := s.bind(op, query, arrays)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return c.QueryContext(ctx, sent)
	}
	return c.guard.QueryContext(ctx, sent, args...)
}

// execArrays runs a statement with arrays that answers nothing.
func (s *Store) execArrays(ctx context.Context, c *conn, query string, arrays ...any) error {
	sent, args, err := s.bind("bunstore.execArrays", query, arrays)
	if err == nil {
		_, err = c.execBound(ctx, sent, args...)
	}
	return err
}

func (s *Store) bind(op, query string, arrays []any) (sent string, args []any, err error) {
	if err = checkArrays(arrays); err == nil {
		sent, args, err = s.arrays.Bind(query, arrays)
	}
	if err != nil {
		return "", nil, &engage.Error{Code: engage.Invalid, Op: op, Err: err}
	}
	return sent, args, nil
}

// checkArrays refuses what Text, Key and JSON refuse; strings count as Text.
func checkArrays(arrays []any) error {
	for i, array := range arrays {
		var err error
		switch values := array.(type) {
		case []Text:
			err = checkEach(values, func(v Text) error { return checkText(string(v)) })
		case []string:
			err = checkEach(values, checkText)
		case []Key:
			err = checkEach(values, Key.check)
		case []JSON:
			err = checkEach(values, JSON.check)
		}
		if err != nil {
			return fmt.Errorf("$%d: %s", i+1, strings.Trim(err.Error(), "\x00"))
		}
	}
	return nil
}

func checkEach[T any](values []T, check func(T) error) error {
	for _, v := range values {
		if err := check(v); err != nil {
			return err
		}
	}
	return nil
}

// Bind implements ArrayBinder.
func (ArrayLiterals) Bind(query string, arrays []any) (string, []any, error) {
	var b []byte
	for {
		before, rest, found := strings.Cut(query, "$")
		b = append(b, before...)
		if !found {
			return string(b), nil, nil
		}
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n, err := strconv.Atoi(rest[:digits])
		if err != nil || n < 1 || n > len(arrays) {
			return "", nil, fmt.Errorf("bunstore: $%s names none of %d arrays", rest[:digits], len(arrays))
		}
		if b, err = appendArray(b, arrays[n-1]); err != nil {
			return "", nil, err
		}
		query = rest[digits:]
	}
}

func appendArray(b []byte, array any) ([]byte, error) {
	b = append(b, '\'', '{')
	var err error
	switch values := array.(type) {
	case []UID:
		b, err = each(b, values, func(b []byte, v UID) ([]byte, error) { return orNull(b, v.IsZero(), v.appendText), nil })
	case []Micros:
		b, err = each(b, values, func(b []byte, v Micros) ([]byte, error) {
			return orNull(b, v.IsZero(), v.appendQuoted), nil
		})
	case []Text:
		b, err = each(b, values, appendQuoted[Text])
	case []Key:
		b, err = each(b, values, appendQuoted[Key])
	case []string:
		b, err = each(b, values, appendQuoted[string])
	case []JSON:
		b, err = each(b, values, func(b []byte, v JSON) ([]byte, error) {
			if v == nil {
				return append(b, "NULL"...), nil
			}
			return appendQuoted(b, string(v))
		})
	case [][]byte:
		b, err = each(b, values, func(b []byte, v []byte) ([]byte, error) {
			return orNull(b, v == nil, func(b []byte) []byte { return append(hex.AppendEncode(append(b, `"\\x`...), v), '"') }), nil
		})
	case []int64:
		b, err = each(b, values, func(b []byte, v int64) ([]byte, error) { return strconv.AppendInt(b, v, 10), nil })
	case []int:
		b, err = each(b, values, func(b []byte, v int) ([]byte, error) { return strconv.AppendInt(b, int64(v), 10), nil })
	case []float64:
		b, err = each(b, values, func(b []byte, v float64) ([]byte, error) { return strconv.AppendFloat(b, v, 'g', -1, 64), nil })
	case []bool:
		b, err = each(b, values, func(b []byte, v bool) ([]byte, error) { return strconv.AppendBool(b, v), nil })
	default:
		return nil, fmt.Errorf("bunstore: an array of %T is not supported", array)
	}
	return append(b, '}', '\''), err
}

func each[T any](b []byte, values []T, write func([]byte, T) ([]byte, error)) ([]byte, error) {
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = write(b, v); err != nil {
			return b, err
		}
	}
	return b, nil
}

func orNull(b []byte, null bool, write func([]byte) []byte) []byte {
	if null {
		return append(b, "NULL"...)
	}
	return write(b)
}

func (m Micros) appendQuoted(b []byte) []byte {
	b = append(b, '"')
	b = m.appendText(b)
	return append(b, '"')
}

// appendQuoted writes an element of an array within a string literal: the one
// doubles apostrophes, the other escapes quotes and backslashes.
func appendQuoted[T ~string](b []byte, s T) ([]byte, error) {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\'':
			b = append(b, '\'', '\'')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"'), nil
}

// literal is a value as it stands in a statement, which also tells equal keys.
func literal(gen schema.QueryGen, b []byte, table *schema.Table, row any, column string) ([]byte, error) {
	field := table.LookupField(column)
	if field == nil {
		return b, fmt.Errorf("bunstore: %s has no column %q", table.TypeName, column)
	}
	before := len(b)
	b = field.AppendValue(gen, b, indirect(row))
	if i := bytes.IndexByte(b[before:], 0); i >= 0 {
		why, _, _ := bytes.Cut(b[before+i+1:], []byte{0})
		return b, &engage.Error{Code: engage.Invalid, Op: "bunstore", Err: fmt.Errorf("%s: refused: %s", column, why)}
	}
	return b, nil
}
