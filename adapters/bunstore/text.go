package bunstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun/schema"
)

// Text is a string column. Unlike a plain string it refuses, with ErrInvalid,
// what the databases treat differently: a NUL byte (PostgreSQL refuses it, bun
// drops it on MariaDB) and text that is not UTF-8. It writes the empty string,
// not NULL; add nullzero where an empty text is none.
type Text string

// Key is the column of a natural key: text of at most engage.MaxKeyBytes that is
// compared by its bytes. Its column is text COLLATE "C" on PostgreSQL,
// VARBINARY(255) on MariaDB and TEXT on SQLite. A longer one answers ErrInvalid.
type Key string

// JSON is a column of one JSON value: jsonb on PostgreSQL, LONGTEXT on MariaDB,
// TEXT on SQLite. Nil is NULL. What comes back is the same value, not the same
// bytes: jsonb orders keys and drops spaces. A value with the escape \u0000,
// which PostgreSQL can't hold, answers ErrInvalid in every database.
type JSON []byte

var (
	_ schema.QueryAppender = Text("")
	_ schema.QueryAppender = Key("")
	_ schema.QueryAppender = JSON(nil)
)

// JSONOf encodes v. A value that does not encode answers ErrInvalid.
func JSONOf(v any) (JSON, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, &engage.Error{Code: engage.Invalid, Op: "bunstore.JSONOf", Err: err}
	}
	return data, nil
}

// Decode reads the value into dest; NULL leaves it as it is.
func (j JSON) Decode(dest any) error {
	if len(j) == 0 {
		return nil
	}
	if err := json.Unmarshal(j, dest); err != nil {
		return &engage.Error{Code: engage.Internal, Op: "bunstore.JSON", Err: err}
	}
	return nil
}

// AppendQuery writes the literal of the dialect.
func (t Text) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if err := checkText(string(t)); err != nil {
		return b, err
	}
	return gen.Dialect().AppendString(b, string(t)), nil
}

// AppendQuery writes the literal of the dialect.
func (k Key) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if err := k.check(); err != nil {
		return b, err
	}
	return gen.Dialect().AppendString(b, string(k)), nil
}

func (k Key) check() error {
	if len(k) > engage.MaxKeyBytes {
		return refuse(fmt.Sprintf("a key of %d bytes, at most %d", len(k), engage.MaxKeyBytes))
	}
	return checkText(string(k))
}

// AppendQuery writes the literal of the dialect.
func (j JSON) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if j == nil {
		return append(b, "NULL"...), nil
	}
	if err := j.check(); err != nil {
		return b, err
	}
	return gen.Dialect().AppendString(b, string(j)), nil
}

func (j JSON) check() error {
	if escapesNUL(j) {
		return refuse(`JSON with \u0000`)
	}
	return checkText(string(j))
}

// Scan reads what any of the drivers answers.
func (j *JSON) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*j = nil
	case []byte:
		*j = bytes.Clone(v)
	case string:
		*j = JSON(v)
	default:
		return fmt.Errorf("bunstore: %T is no JSON", src)
	}
	return nil
}

func checkText(s string) error {
	for i := range len(s) {
		if s[i] == 0 {
			return refuse("text with a NUL byte")
		}
	}
	if !utf8.ValidString(s) {
		return refuse("text that is not UTF-8")
	}
	return nil
}

// escapesNUL finds the escape of U+0000, which an even number of backslashes
// before it would make plain text.
func escapesNUL(j []byte) bool {
	for rest := j; ; {
		i := bytes.Index(rest, []byte(`\u0000`))
		if i < 0 {
			return false
		}
		slashes := 0
		for k := i - 1; k >= 0 && rest[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 0 {
			return true
		}
		rest = rest[i+1:]
	}
}

// refuse makes the error of a value that must not be written. bun can only put
// an error's text into the SQL; the NUL bytes around it, which no statement
// holds otherwise, let the connection find it there and answer it instead of
// asking the database.
func refuse(why string) error { return errors.New("\x00" + why + "\x00") }
